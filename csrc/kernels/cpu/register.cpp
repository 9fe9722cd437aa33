#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {

void fill(Kernels& kernels) {
  register_driver(kernels);
  register_gemm(kernels);
  register_pointwise(kernels);
}

}  // namespace flambeau::cpu::FL_ISA
