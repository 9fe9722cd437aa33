// Transposing copies and concatenation.
#include "core/kernels/copy.h"

#include <cstring>

#include "core/threads.h"
#include "kernels/cpu/register.h"
#include "kernels/cpu/stream.h"
#include "kernels/cpu/transpose.h"

namespace flambeau::cpu::FL_ISA {
namespace {

constexpr int64_t kGrain = 32 << 10;  // items of one task
constexpr int64_t kStrip = 64;        // rows of the output written by one task

struct Wide16 {
  uint64_t half[2];
};

// One block of lanes x lanes; it asks for what the block two further down will read and write.
template <class V>
inline void transpose_ahead(const V* from, int64_t in_stride, V* to, int64_t out_stride) {
  constexpr int w = kLanes<V>;
  Vector<V> v[w];
#pragma GCC unroll 16
  for (int i = 0; i < w; ++i) {
    __builtin_prefetch(from + (2 * w + i) * in_stride);
    __builtin_prefetch(to + i * out_stride + 2 * w, 1);
    v[i] = load(from + i * in_stride);
  }
  transpose_block<V>(v);
#pragma GCC unroll 16
  for (int i = 0; i < w; ++i) store(to + i * out_stride, v[i]);
}

// Rows [begin, end) of the output. Blocks follow each other along the output's rows, where writes are dense.
template <class V>
void transpose_vectors(const V* in, int64_t in_stride, V* out, int64_t out_stride, int64_t rows, int64_t begin,
                       int64_t end) {
  constexpr int64_t w = kLanes<V>;
  for (int64_t c = begin; c < end; c += w) {
    const int64_t width = std::min(w, end - c), whole = width == w ? rows / w * w : 0;
    for (int64_t r = 0; r < whole; r += w) {
      transpose_ahead(in + r * in_stride + c, in_stride, out + c * out_stride + r, out_stride);
    }
    transpose_copy<V, V>(in + whole * in_stride + c, in_stride, out + c * out_stride + whole, out_stride, rows - whole,
                         width);
  }
}

template <class T>
void transpose_items(const T* in, int64_t in_stride, T* out, int64_t out_stride, int64_t rows, int64_t begin,
                     int64_t end) {
  constexpr int64_t w = 64 / sizeof(T) < 32 ? 64 / sizeof(T) : 32;
  for (int64_t c = begin; c < end; c += w) {
    for (int64_t r = 0; r < rows; r += w) {
      const int64_t width = std::min(w, end - c), height = std::min(w, rows - r);
      for (int64_t j = 0; j < width; ++j) {
        for (int64_t i = 0; i < height; ++i) out[(c + j) * out_stride + r + i] = in[(r + i) * in_stride + c + j];
      }
    }
  }
}

template <class T>
void transpose_strip(const T* in, int64_t in_stride, T* out, int64_t out_stride, int64_t rows, int64_t begin,
                     int64_t end) {
  if constexpr (sizeof(T) == 4 || sizeof(T) == 8) {
    using V = std::conditional_t<sizeof(T) == 4, float, double>;
    transpose_vectors(reinterpret_cast<const V*>(in), in_stride, reinterpret_cast<V*>(out), out_stride, rows, begin,
                      end);
  } else {
    transpose_items(in, in_stride, out, out_stride, rows, begin, end);
  }
}

template <class T>
void transpose_as(const TransposeArgs& a) {
  const int64_t strips = (a.cols + kStrip - 1) / kStrip;
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, a.rows * std::min(a.cols, kStrip)));
  parallel_for(a.batch * strips, grain, [&](int64_t first, int64_t last) {
    for (int64_t s = first; s < last; ++s) {
      const int64_t b = s / strips, begin = s % strips * kStrip;
      transpose_strip(static_cast<const T*>(a.in) + b * a.in_batch_stride, a.in_stride,
                      static_cast<T*>(a.out) + b * a.out_batch_stride, a.out_stride, a.rows, begin,
                      std::min(a.cols, begin + kStrip));
    }
  });
}

}  // namespace

void transpose(const TransposeArgs& a) {
  switch (a.item_size) {
    case 1:
      return transpose_as<uint8_t>(a);
    case 2:
      return transpose_as<uint16_t>(a);
    case 4:
      return transpose_as<uint32_t>(a);
    case 8:
      return transpose_as<uint64_t>(a);
    default:
      return transpose_as<Wide16>(a);
  }
}

void cat(const CatArgs& a) {
  constexpr int64_t piece = 256 << 10;
  if (a.runs == 1) {  // few long runs: cut into pieces
    for (int64_t p = 0; p < a.count; ++p) {
      const CatPart& part = a.parts[p];
      parallel_for(part.bytes, piece, [&](int64_t begin, int64_t end) {
        char* to = static_cast<char*>(a.out) + part.offset + begin;
        const char* from = static_cast<const char*>(part.in) + begin;
        part.bytes >= kFarBytes ? copy_far(to, from, end - begin) : void(std::memcpy(to, from, size_t(end - begin)));
      });
    }
    return;
  }
  // Some runs of one part after the other: every input is read in long stretches.
  const int64_t block = std::max<int64_t>(1, (64 << 10) / std::max<int64_t>(1, a.step));
  parallel_for(a.runs, std::max<int64_t>(1, piece / std::max<int64_t>(1, a.step)), [&](int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += block) {
      const int64_t last = std::min(end, first + block);
      for (int64_t p = 0; p < a.count; ++p) {
        const CatPart& part = a.parts[p];
        char* to = static_cast<char*>(a.out) + part.offset;
        const char* from = static_cast<const char*>(part.in);
        for (int64_t r = first; r < last; ++r) std::memcpy(to + r * a.step, from + r * part.bytes, size_t(part.bytes));
      }
    }
  });
}

void register_copy(Kernels& kernels) { kernels.copy = {transpose, cat}; }

}  // namespace flambeau::cpu::FL_ISA
