// Arguments of the copies that are faster than the general strided one. Items are 1, 2, 4, 8 or 16 bytes.
#pragma once
#include <cstdint>

namespace flambeau {

// out[b][c][r] = in[b][r][c]. Strides count items.
struct TransposeArgs {
  const void* in;
  void* out;
  int64_t item_size;
  int64_t batch, rows, cols;
  int64_t in_batch_stride, in_stride;
  int64_t out_batch_stride, out_stride;
};

// Writes runs of bytes that lie `step` bytes apart in `out`, one after the other from `in`.
struct CatPart {
  const void* in;
  int64_t bytes;   // of one run
  int64_t offset;  // of the first run in the output
};
struct CatArgs {
  const CatPart* parts;
  int64_t count;
  int64_t runs, step;
  void* out;
};

struct CopyKernels {
  void (*transpose)(const TransposeArgs&) = nullptr;
  void (*cat)(const CatArgs&) = nullptr;
};

}  // namespace flambeau
