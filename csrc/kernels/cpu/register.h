// Each kernel file fills in its part of the table.
#pragma once
#include "core/kernels.h"

namespace flambeau::cpu::FL_ISA {

void register_attention(Kernels& kernels);
void register_chain(Kernels& kernels);
void register_conv(Kernels& kernels);
void register_copy(Kernels& kernels);
void register_driver(Kernels& kernels);
void register_gemm(Kernels& kernels);
void register_indexing(Kernels& kernels);
void register_norm(Kernels& kernels);
void register_optim(Kernels& kernels);
void register_random(Kernels& kernels);
void register_pointwise_0(Kernels& kernels);
void register_pointwise_1(Kernels& kernels);
void register_pointwise_2(Kernels& kernels);
void register_pointwise_3(Kernels& kernels);
void register_pool(Kernels& kernels);
void register_recurrent(Kernels& kernels);
void register_reduce(Kernels& kernels);
void register_sample(Kernels& kernels);
void register_scan(Kernels& kernels);
void register_softmax(Kernels& kernels);
void register_solve(Kernels& kernels);
void register_sort(Kernels& kernels);

// All of them, in register.cpp.
void fill(Kernels& kernels);

// For machines with AVX512-BF16: what multiplies pairs of bfloat16 numbers (see pairs.h).
void register_conv_pairs(Kernels& kernels);
void register_gemm_pairs(Kernels& kernels);
void fill_with_pairs(Kernels& kernels);
void fill_with_emulated_pairs(Kernels& kernels);

}  // namespace flambeau::cpu::FL_ISA
