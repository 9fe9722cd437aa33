// Arguments of the reduction and scan kernels: plain data, so that every instruction set shares them.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace flambeau {

enum class Reduction : uint8_t {
  Sum,
  Mean,
  NanSum,
  Prod,
  Max,
  Min,
  Any,
  All,
  CountNonzero,
  Norm,      // order `p`
  Var,       // correction `p`; indices unused
  Std,       // correction `p`
  VarMean,   // out: variance, second: mean
  StdMean,   // out: deviation, second: mean
  ArgMax,    // out: int64 indices
  ArgMin,    // out: int64 indices
  MaxIndex,  // out: values, second: int64 indices
  MinIndex,  // out: values, second: int64 indices
};

// Strides count elements. The output may have any strides along the kept dimensions.
struct ReduceDim {
  int64_t size, in_stride, out_stride;
};

struct ReduceArgs {
  Reduction kind;
  DType in_dtype, out_dtype;
  const void* in;
  void* out;
  void* second = nullptr;
  double p = 0;
  int kept_ndim = 0, reduced_ndim = 0;
  ReduceDim kept[64], reduced[64];  // in the input's order; only index reductions care about the order
};

enum class Scan : uint8_t { Sum, Prod, Max, Min, LogSumExp, Linear };

// A contiguous (outer, size, inner) tensor scanned along `size`, from its end if `reverse`. Max and Min also write
// int64 indices. Linear is y[i] = x[i] + factor[i] y[i - 1], or backwards x[i] + factor[i + 1] y[i + 1]: the derivative
// of every other scan.
struct ScanArgs {
  Scan kind;
  DType dtype;  // float32, float64, int64, complex64 or complex128
  bool reverse;
  const void* in;
  const void* factor;
  void* out;
  int64_t* indices;
  int64_t outer, size, inner;
};

// Order statistics along the last dimension of a contiguous (rows, size) tensor: value and its index.
enum class Pick : uint8_t { Median, NanMedian, Mode };
struct PickArgs {
  Pick kind;
  DType dtype;
  const void* in;
  void* out;
  int64_t* indices;
  int64_t rows, size;
};

struct ReduceKernels {
  void (*reduce)(const ReduceArgs&) = nullptr;
  void (*scan)(const ScanArgs&) = nullptr;
  void (*pick)(const PickArgs&) = nullptr;
};

}  // namespace flambeau
