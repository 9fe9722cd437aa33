// Entry points of kernels/cpu/sort.cpp. Order is torch's: NaN above every number, -0 equal to 0, equal values by place.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace flambeau {

// How the bits of an element are ordered.
enum class KeyKind : uint8_t { Unsigned, Signed, Half, BFloat, Float };  // Half .. Float: sign and magnitude, with NaNs

struct KeyType {
  int bytes;  // 1, 2, 4 or 8
  KeyKind kind;
};

inline KeyType key_type(DType t) {
  int bytes = static_cast<int>(item_size(t));
  switch (t) {
    case DType::Float16:
      return {bytes, KeyKind::Half};
    case DType::BFloat16:
      return {bytes, KeyKind::BFloat};
    default:
      break;
  }
  Kind kind = info(t).kind;
  return {bytes, kind == Kind::Float ? KeyKind::Float : kind == Kind::Signed ? KeyKind::Signed : KeyKind::Unsigned};
}

struct SortKernels {
  // Sorts each of `rows` contiguous rows of n elements; stable. Values or places may be null.
  void (*sort)(KeyType type, const void* in, void* values, int64_t* places, int64_t rows, int64_t n, bool descending);
  // The k largest (or smallest) elements of each row, in order.
  void (*topk)(KeyType type, const void* in, void* values, int64_t* places, int64_t rows, int64_t n, int64_t k,
               bool largest);
  // The place of the k-th smallest element (from 0) of each row: the first such place if equal values occur.
  void (*kth)(KeyType type, const void* in, int64_t* places, int64_t rows, int64_t n, int64_t k);
  // For each of n values the place in its sorted row of `length` where it goes: before its equals, or (right) after.
  // Values come in runs of `run`, one run per row; run = n means that one row serves all. A sorter gives the row's
  // order.
  void (*search)(KeyType type, const void* sorted, const int64_t* sorter, int64_t length, const void* values, int64_t n,
                 int64_t run, bool right, int64_t* out);
};

}  // namespace flambeau
