#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {

void fill(Kernels& kernels) {
  register_attention(kernels);
  register_copy(kernels);
  register_driver(kernels);
  register_gemm(kernels);
  register_norm(kernels);
  register_optim(kernels);
  register_pointwise(kernels);
  register_reduce(kernels);
  register_scan(kernels);
  register_softmax(kernels);
}

}  // namespace flambeau::cpu::FL_ISA
