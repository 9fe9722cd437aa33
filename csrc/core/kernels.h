// The table of kernel entry points of a device. A null entry is the error "not implemented for this device".
#pragma once
#include "core/kernels/attention.h"
#include "core/kernels/chain.h"
#include "core/kernels/conv.h"
#include "core/kernels/copy.h"
#include "core/kernels/gemm.h"
#include "core/kernels/indexing.h"
#include "core/kernels/norm.h"
#include "core/kernels/optim.h"
#include "core/kernels/pointwise.h"
#include "core/kernels/pool.h"
#include "core/kernels/random.h"
#include "core/kernels/recurrent.h"
#include "core/kernels/reduce.h"
#include "core/kernels/softmax.h"
#include "core/kernels/solve.h"
#include "core/kernels/sort.h"

namespace flambeau {

struct Kernels {
  AttentionKernels attention;
  ChainKernels chain;
  ConvKernels conv;
  CopyKernels copy;
  GemmKernels gemm;
  NormKernels norm;
  OptimKernels optim;
  PointwiseKernels pointwise;
  PoolKernels pool;
  RandomKernels random;
  RecurrentKernels recurrent;
  ReduceKernels reduce;
  SampleKernels sample;
  SoftmaxKernels softmax;
  SolveKernels solve;
  SortKernels sort;
  IndexingKernels indexing;
};

// The CPU's table, filled in for the best instruction set of this machine (FLAMBEAU_ISA=baseline|avx2|avx512|avx512bf16
// overrides).
const Kernels& cpu_kernels();
const char* cpu_isa();

// The same entries as the CPU's, which do nothing.
const Kernels& meta_kernels();

inline const Kernels& kernels_on(Device device) { return device.is_cpu() ? cpu_kernels() : meta_kernels(); }

// The table of the device that all of these tensors are on.
inline const Kernels& kernels_of(const Tensor& t) { return kernels_on(t.device()); }
inline const Kernels& kernels_of(const char* op, std::initializer_list<const Tensor*> tensors) {
  return kernels_on(common_device(op, {tensors.begin(), tensors.size()}));
}

// An entry that is known to be there; `type` is the dtype it was looked up for.
template <class F>
F need(F entry, const char* op, const Tensor& t) {
  if (!entry) [[unlikely]]
    FL_FAIL(NotImplemented, op, "\"", op, "\" not implemented for '", info(t.dtype()).title, "' on device ",
            to_string(t.device()));
  return entry;
}

}  // namespace flambeau
