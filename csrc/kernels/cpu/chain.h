// For kernels whose results go through a chain before anyone else sees them.
#pragma once
#include "core/kernels/chain.h"

namespace flambeau::cpu::FL_ISA {

// Elements [at, at + n) of a chain's memory, on this thread.
void run_part(const Chain& chain, int64_t at, int64_t n);

}  // namespace flambeau::cpu::FL_ISA
