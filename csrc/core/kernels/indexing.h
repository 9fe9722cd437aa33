// Entry points of kernels/cpu/indexing.cpp. Offsets count elements; sizes of elements count bytes (1, 2, 4, 8, 16).
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace flambeau {

// Blocks of a strided tensor x, chosen along some dimensions: block (b, i, a) of `block` adjacent elements starts at
// before[b] + index[i] + after[a]. The other side of a copy is dense, in the order (b, i, a, element).
struct BlockPlan {
  int64_t before_count, count, after_count, block;
  const int64_t* before;
  const int64_t* index;
  const int64_t* after;
};

// A walk over an index tensor (dense, last dimension innermost) that addresses x: element j of a row with base offset
// `base` is base + j * inner_stride + index * dim_stride.
struct DimPlan {
  int outer_dims;
  const int64_t* outer_sizes;
  const int64_t* outer_strides;  // of x; 0 for the indexed dimension
  int64_t rows, inner, inner_stride, dim_stride;
  bool dim_is_inner;  // rows address different elements of x
};

enum class Reduce : uint8_t { Sum, Prod, Amax, Amin };

struct IndexingKernels {
  // The first position in [0, n) with an index outside [low, high), or -1.
  int64_t (*out_of_range)(const int64_t* index, int64_t n, int64_t low, int64_t high);

  void (*take_blocks)(int64_t item, const BlockPlan& plan, const void* x, void* out);
  void (*put_blocks)(int64_t item, const BlockPlan& plan, void* x, const void* source);
  // Adds in the order of i, on any number of threads.
  void (*add_blocks)(DType type, const BlockPlan& plan, void* x, const void* source);

  void (*gather)(int64_t item, const DimPlan& plan, const void* x, const int64_t* index, void* out);
  void (*scatter)(int64_t item, const DimPlan& plan, void* x, const int64_t* index, const void* source);
  void (*scatter_reduce)(DType type, Reduce op, const DimPlan& plan, void* x, const int64_t* index, const void* source);

  // Masks of n bytes. `starts` has room for n / 4096 + 2 numbers: how many true ones precede each piece of 4096.
  int64_t (*count_mask)(const uint8_t* mask, int64_t n, int64_t* starts);
  void (*mask_places)(const uint8_t* mask, int64_t n, const int64_t* starts, int64_t* out);
  void (*compress)(int64_t item, const void* x, const uint8_t* mask, int64_t n, const int64_t* starts, void* out);
  void (*expand)(int64_t item, void* x, const uint8_t* mask, int64_t n, const int64_t* starts, const void* source);
};

}  // namespace flambeau
