// Each kernel file fills in its part of the table.
#pragma once
#include "core/kernels.h"

namespace flambeau::cpu::FL_ISA {

void register_driver(Kernels& kernels);
void register_gemm(Kernels& kernels);
void register_pointwise(Kernels& kernels);

// All of them, in register.cpp.
void fill(Kernels& kernels);

}  // namespace flambeau::cpu::FL_ISA
