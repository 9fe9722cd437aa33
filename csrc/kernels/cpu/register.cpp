#include "kernels/cpu/register.h"

#include "kernels/cpu/pairs.h"

namespace flambeau::cpu::FL_ISA {

void fill(Kernels& kernels) {
  register_attention(kernels);
  register_chain(kernels);
  register_conv(kernels);
  register_copy(kernels);
  register_driver(kernels);
  register_gemm(kernels);
  register_indexing(kernels);
  register_norm(kernels);
  register_optim(kernels);
  register_random(kernels);
  register_pointwise_0(kernels);
  register_pointwise_1(kernels);
  register_pointwise_2(kernels);
  register_pointwise_3(kernels);
  register_pool(kernels);
  register_recurrent(kernels);
  register_reduce(kernels);
  register_sample(kernels);
  register_scan(kernels);
  register_softmax(kernels);
  register_solve(kernels);
  register_sort(kernels);
}

#if FL_PAIRS
void fill_with_pairs(Kernels& kernels) {
  fill(kernels);
  register_conv_pairs(kernels);
  register_gemm_pairs(kernels);
}
void fill_with_emulated_pairs(Kernels& kernels) {
  fill_with_pairs(kernels);
  pair_kernel = emulated_pair_kernel;
}
#endif

}  // namespace flambeau::cpu::FL_ISA
