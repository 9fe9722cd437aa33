// Entry points for everything that works element by element.
#pragma once
#include "core/tensor.h"

namespace flambeau {

// The types formulas are computed in. Halves compute in float, integers in int64; the driver converts. Bool computes in
// int64 too where it is one of many dtypes; pointwise ops of bool alone stay among bytes.
enum class Compute : uint8_t { F32, F64, I64, C64, C128, Bool };
inline constexpr int kNumComputes = 6;
inline constexpr DType kComputeDType[] = {DType::Float32,   DType::Float64,    DType::Int64,
                                          DType::Complex64, DType::Complex128, DType::Bool};
inline constexpr Compute compute_of(DType t) {
  switch (t) {
    case DType::Float64:
      return Compute::F64;
    case DType::Complex64:
      return Compute::C64;
    case DType::Complex128:
      return Compute::C128;
    default:
      return is_floating(t) ? Compute::F32 : Compute::I64;
  }
}

// The `types` of pointwise.def: which inputs an op takes.
namespace pointwise_types {
enum : int {
  F = 1,
  I = 2,
  C = 4,
  B = 8,
  FI = F | I,
  FC = F | C,
  IB = I | B,
  FIB = F | IB,
  FIC = FI | C,
  FIBC = FIB | C
};
}

// What a formula gives for compute type T: T, a bool, or the real type of T; a complex of a real T.
enum class Tile : uint8_t { Same, Bool, Real, Complex };

enum class PointwiseOp : int {
#define UNARY(name, ...) name,
#define BINARY(name, ...) name,
#define TERNARY(name, ...) name,
#include "pointwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
  Count,
};
inline constexpr int kNumPointwiseOps = static_cast<int>(PointwiseOp::Count);

// One loop over n contiguous elements of the compute type. `out` may be one of the inputs.
using TileFn = void (*)(void* out, const void* const* in, const double* params, int64_t n);

inline constexpr int kMaxOperands = 4;

struct PointwiseCall {
  TileFn tile;
  Compute compute;
  Tile result;
  int inputs;
  const Tensor* out;
  const Tensor* in[kMaxOperands];
  const double* params = nullptr;
};

struct PointwiseKernels {
  TileFn tile[kNumPointwiseOps][kNumComputes] = {};  // null: the op does not exist for the type
  void (*run)(const PointwiseCall&) = nullptr;       // inputs broadcast to out's shape, any strides, any dtypes
  void (*copy)(const Tensor& out, const Tensor& in) = nullptr;  // broadcasts and converts
  // out += in element by element in order, where elements of `out` may share memory; same shape and dtype.
  void (*add_overlapping)(const Tensor& out, const Tensor& in) = nullptr;
};

}  // namespace flambeau
