// Loops that move elements by index.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "core/threads.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int64_t kGrain = 16384;  // elements
constexpr int64_t kPiece = 4096;   // of a mask
constexpr int64_t kChecked = 512;  // of an index, while memory is asked for the next ones

struct Word16 {
  uint64_t low, high;
};

// Calls f(T{}) for an unsigned type of the element's size.
template <class F>
void by_size(int64_t item, F f) {
  switch (item) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    case 8:
      return f(uint64_t{});
    default:
      return f(Word16{});
  }
}

template <class F>
void by_type(DType type, F f) {
  switch (type) {
    case DType::UInt8:
      return f(uint8_t{});
    case DType::Int8:
      return f(int8_t{});
    case DType::Int16:
      return f(int16_t{});
    case DType::Int32:
      return f(int32_t{});
    case DType::Int64:
      return f(int64_t{});
    case DType::Float16:
      return f(Float16{});
    case DType::BFloat16:
      return f(BFloat16{});
    case DType::Float32:
      return f(float{});
    case DType::Float64:
      return f(double{});
    case DType::Complex64:
      return f(std::complex<float>{});
    case DType::Complex128:
      return f(std::complex<double>{});
    case DType::Bool:
      return f(bool{});
    default:
      FL_FAIL(NotImplemented, "scatter", "\"scatter\" not implemented for '", info(type).title, "'");
  }
}

int64_t grain_of(int64_t elements) { return std::max<int64_t>(1, kGrain / std::max<int64_t>(elements, 1)); }

int64_t out_of_range(const int64_t* index, int64_t n, int64_t low, int64_t high) {
  std::atomic<int64_t> first = INT64_MAX;
  parallel_for(n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t start = begin; start < end; start += kChecked) {
      int64_t stop = std::min(end, start + kChecked), least = INT64_MAX, most = INT64_MIN;
      for (int64_t i = 0; i < kChecked; i += 8) __builtin_prefetch(index + start + kChecked + i);
      for (int64_t i = start; i < stop; i++) {
        least = std::min(least, index[i]);
        most = std::max(most, index[i]);
      }
      if (least >= low && most < high) continue;
      int64_t bad = start, known = first;
      while (index[bad] >= low && index[bad] < high) bad++;
      while (bad < known && !first.compare_exchange_weak(known, bad)) {
      }
      return;
    }
  });
  return first == INT64_MAX ? -1 : first.load();
}

// ---- blocks

// Calls body(offset in x, offset in the dense side) for the (b, i) in [begin, end), in order, and all a of each.
template <class Body>
void walk_blocks(const BlockPlan& plan, int64_t begin, int64_t end, Body body) {
  int64_t b = begin / plan.count, i = begin % plan.count, dense = begin * plan.after_count * plan.block;
  for (int64_t k = begin; k < end; k++) {
    int64_t base = plan.before[b] + plan.index[i];
    for (int64_t a = 0; a < plan.after_count; a++, dense += plan.block) body(base + plan.after[a], dense);
    if (++i == plan.count) i = 0, b++;
  }
}

// The same where a position is one element: body(offset in x, [first, last) of the index, offset in the dense side).
template <class Body>
void each_stretch(const BlockPlan& plan, int64_t begin, int64_t end, Body body) {
  for (int64_t b = begin / plan.count, first = begin % plan.count; begin < end; b++, first = 0) {
    int64_t last = std::min(plan.count, first + end - begin);
    body(plan.before[b] + plan.after[0], first, last, begin);
    begin += last - first;
  }
}

template <class T>
void take_range(const BlockPlan& plan, const T* x, T* out, int64_t begin, int64_t end) {
  if (plan.block == 1) {
    if (plan.after_count == 1 && plan.before_count == 1) {
      const T* from = x + plan.before[0] + plan.after[0];
      for (int64_t i = begin; i < end; i++) out[i] = from[plan.index[i]];
      return;
    }
    if (plan.after_count == 1) {  // along the last dimension
      const int64_t* index = plan.index;
      each_stretch(plan, begin, end, [=](int64_t base, int64_t first, int64_t last, int64_t dense) {
        const T* from = x + base;
        T* to = out + dense - first;
        _Pragma("GCC ivdep") for (int64_t i = first; i < last; i++) to[i] = from[index[i]];
      });
      return;
    }
    walk_blocks(plan, begin, end, [=](int64_t at, int64_t dense) { out[dense] = x[at]; });
    return;
  }
  size_t bytes = plan.block * sizeof(T);
  walk_blocks(plan, begin, end, [=](int64_t at, int64_t dense) { std::memcpy(out + dense, x + at, bytes); });
}

void take_blocks(int64_t item, const BlockPlan& plan, const void* x, void* out) {
  by_size(item, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(plan.before_count * plan.count, grain_of(plan.after_count * plan.block),
                 [&](int64_t begin, int64_t end) {
                   take_range(plan, static_cast<const T*>(x), static_cast<T*>(out), begin, end);
                 });
  });
}

// The last of several writes to one place wins, as on one thread: pieces of x go to threads, not pieces of the index.
template <class Body>
void each_before(const BlockPlan& plan, Body body) {
  parallel_for(plan.before_count, grain_of(plan.count * plan.after_count * plan.block),
               [&](int64_t begin, int64_t end) { body(begin * plan.count, end * plan.count); });
}

void put_blocks(int64_t item, const BlockPlan& plan, void* x, const void* source) {
  by_size(item, [&](auto zero) {
    using T = decltype(zero);
    auto* to = static_cast<T*>(x);
    auto* from = static_cast<const T*>(source);
    size_t bytes = plan.block * sizeof(T);
    each_before(plan, [&](int64_t begin, int64_t end) {
      if (plan.block == 1) {
        walk_blocks(plan, begin, end, [=](int64_t at, int64_t dense) { to[at] = from[dense]; });
      } else {
        walk_blocks(plan, begin, end, [=](int64_t at, int64_t dense) { std::memcpy(to + at, from + dense, bytes); });
      }
    });
  });
}

template <class T>
inline void add_to(T& x, T y) {
  if constexpr (std::is_same_v<T, bool>) {
    x = x || y;
  } else if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    x = T(static_cast<float>(x) + static_cast<float>(y));
  } else {
    x = static_cast<T>(x + y);
  }
}

void add_blocks(DType type, const BlockPlan& plan, void* x, const void* source) {
  by_type(type, [&](auto zero) {
    using T = decltype(zero);
    auto* to = static_cast<T*>(x);
    auto* from = static_cast<const T*>(source);
    if (plan.before_count > 1 || plan.block < 64) {
      each_before(plan, [&](int64_t begin, int64_t end) {
        if (plan.block == 1 && plan.after_count == 1) {
          each_stretch(plan, begin, end, [&](int64_t base, int64_t first, int64_t last, int64_t dense) {
            for (int64_t i = first; i < last; i++) add_to(to[base + plan.index[i]], from[dense + i - first]);
          });
          return;
        }
        walk_blocks(plan, begin, end, [&](int64_t at, int64_t dense) {
          for (int64_t k = 0; k < plan.block; k++) add_to(to[at + k], from[dense + k]);
        });
      });
      return;
    }
    // Wide rows: each thread adds up its columns of all rows.
    parallel_for(plan.block, std::max<int64_t>(32, grain_of(plan.count * plan.after_count)),
                 [&](int64_t first, int64_t last) {
                   walk_blocks(plan, 0, plan.count, [&](int64_t at, int64_t dense) {
                     for (int64_t k = first; k < last; k++) add_to(to[at + k], from[dense + k]);
                   });
                 });
  });
}

// ---- one index per element

// Calls body(base, position of the row's first element) for rows [begin, end).
template <class Body>
void walk_rows(const DimPlan& plan, int64_t begin, int64_t end, Body body) {
  int64_t place[64], base = 0, rest = begin;
  for (int d = plan.outer_dims - 1; d >= 0; d--) {
    place[d] = rest % plan.outer_sizes[d];
    rest /= plan.outer_sizes[d];
    base += place[d] * plan.outer_strides[d];
  }
  for (int64_t row = begin; row < end; row++) {
    body(base, row * plan.inner);
    for (int d = plan.outer_dims - 1; d >= 0; d--) {
      base += plan.outer_strides[d];
      if (++place[d] < plan.outer_sizes[d]) break;
      base -= plan.outer_strides[d] * plan.outer_sizes[d];
      place[d] = 0;
    }
  }
}

void gather(int64_t item, const DimPlan& plan, const void* x, const int64_t* index, void* out) {
  by_size(item, [&](auto zero) {
    using T = decltype(zero);
    auto* from = static_cast<const T*>(x);
    auto* to = static_cast<T*>(out);
    parallel_for(plan.rows, grain_of(plan.inner), [&](int64_t begin, int64_t end) {
      walk_rows(plan, begin, end, [&](int64_t base, int64_t at) {
        for (int64_t j = 0; j < plan.inner; j++)
          to[at + j] = from[base + j * plan.inner_stride + index[at + j] * plan.dim_stride];
      });
    });
  });
}

// Threads take what cannot collide: rows if the indexed dimension is the inner one, else columns of all rows.
template <class Body>
void scatter_rows(const DimPlan& plan, Body body) {
  if (plan.dim_is_inner) {
    parallel_for(plan.rows, grain_of(plan.inner), [&](int64_t begin, int64_t end) {
      walk_rows(plan, begin, end, [&](int64_t base, int64_t at) { body(base, at, 0, plan.inner); });
    });
  } else {
    parallel_for(plan.inner, std::max<int64_t>(16, grain_of(plan.rows)), [&](int64_t first, int64_t last) {
      walk_rows(plan, 0, plan.rows, [&](int64_t base, int64_t at) { body(base, at, first, last); });
    });
  }
}

// put(element of x, value) for positions [first, last) of a row, whose index and values `at` begins. Memory is asked
// for ahead, and for the next row of x, all of which the places may be.
template <class T, class Put>
inline void scatter_row(const DimPlan& plan, T* x, const int64_t* index, const T* values, int64_t first, int64_t last,
                        Put put) {
  constexpr int64_t step = 16, ahead = 128;
  const int64_t stride = plan.inner_stride, dim_stride = plan.dim_stride;
  const T* next = plan.outer_dims && plan.dim_is_inner ? x + plan.outer_strides[plan.outer_dims - 1] : x;
  for (int64_t start = first; start < last; start += step) {
    const int64_t stop = std::min(last, start + step);
    __builtin_prefetch(index + start + ahead);
    __builtin_prefetch(index + start + ahead + 8);
    __builtin_prefetch(values + start + ahead);
    __builtin_prefetch(next + start, 1);
    for (int64_t j = start; j < stop; j++) put(x[j * stride + index[j] * dim_stride], values[j]);
  }
}

void scatter(int64_t item, const DimPlan& plan, void* x, const int64_t* index, const void* source) {
  by_size(item, [&](auto zero) {
    using T = decltype(zero);
    auto* to = static_cast<T*>(x);
    auto* from = static_cast<const T*>(source);
    scatter_rows(plan, [&](int64_t base, int64_t at, int64_t first, int64_t last) {
      scatter_row(plan, to + base, index + at, from + at, first, last, [](T& place, T value) { place = value; });
    });
  });
}

template <class T>
struct Wide {
  using type = std::conditional_t<std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>, float, T>;
};

template <Reduce R, class T>
inline void combine(T& x, T y) {
  if constexpr (R == Reduce::Sum) {
    add_to(x, y);
  } else if constexpr (std::is_same_v<T, bool>) {
    x = R == Reduce::Amax ? (x || y) : (x && y);
  } else {
    using W = typename Wide<T>::type;
    auto a = static_cast<W>(x), b = static_cast<W>(y);
    if constexpr (R == Reduce::Prod) {
      x = static_cast<T>(a * b);
    } else if constexpr (requires { a < b; }) {
      bool better = R == Reduce::Amax ? b > a : b < a;  // a NaN stays and a new NaN enters
      if (better || b != b) x = y;
    }
  }
}

template <Reduce R>
void scatter_with(DType type, const DimPlan& plan, void* x, const int64_t* index, const void* source) {
  by_type(type, [&](auto zero) {
    using T = decltype(zero);
    auto* to = static_cast<T*>(x);
    auto* from = static_cast<const T*>(source);
    scatter_rows(plan, [&](int64_t base, int64_t at, int64_t first, int64_t last) {
      scatter_row(plan, to + base, index + at, from + at, first, last,
                  [](T& place, T value) { combine<R>(place, value); });
    });
  });
}

void scatter_reduce(DType type, Reduce op, const DimPlan& plan, void* x, const int64_t* index, const void* source) {
  switch (op) {
    case Reduce::Sum:
      return scatter_with<Reduce::Sum>(type, plan, x, index, source);
    case Reduce::Prod:
      return scatter_with<Reduce::Prod>(type, plan, x, index, source);
    case Reduce::Amax:
      return scatter_with<Reduce::Amax>(type, plan, x, index, source);
    default:
      return scatter_with<Reduce::Amin>(type, plan, x, index, source);
  }
}

// ---- masks

int64_t count_mask(const uint8_t* mask, int64_t n, int64_t* starts) {
  int64_t pieces = (n + kPiece - 1) / kPiece;
  parallel_for(pieces, 16, [=](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) {
      int32_t count = 0;
      for (int64_t i = p * kPiece, stop = std::min(n, i + kPiece); i < stop; i++) count += mask[i] != 0;
      starts[p] = count;
    }
  });
  int64_t sum = 0;
  for (int64_t p = 0; p < pieces; p++) {
    int64_t count = starts[p];
    starts[p] = sum;
    sum += count;
  }
  starts[pieces] = sum;
  return sum;
}

// Calls body(i, k) for the k-th true element i. Writing without a branch needs room for one more: the last element of a
// piece is written only if it is there.
template <class Body>
void each_true(const uint8_t* mask, int64_t n, const int64_t* starts, Body body) {
  int64_t pieces = (n + kPiece - 1) / kPiece;
  parallel_for(pieces, 4, [=](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) {
      int64_t i = p * kPiece, stop = std::min(n, i + kPiece), k = starts[p], last = starts[p + 1];
      if (k == last) continue;
      for (; k < last - 1; i++) {
        body(i, k);
        k += mask[i] != 0;
      }
      while (i < stop && !mask[i]) i++;
      body(i, k);
    }
  });
}

void mask_places(const uint8_t* mask, int64_t n, const int64_t* starts, int64_t* out) {
  each_true(mask, n, starts, [=](int64_t i, int64_t k) { out[k] = i; });
}

void compress(int64_t item, const void* x, const uint8_t* mask, int64_t n, const int64_t* starts, void* out) {
  by_size(item, [&](auto zero) {
    using T = decltype(zero);
    auto* from = static_cast<const T*>(x);
    auto* to = static_cast<T*>(out);
    each_true(mask, n, starts, [=](int64_t i, int64_t k) { to[k] = from[i]; });
  });
}

void expand(int64_t item, void* x, const uint8_t* mask, int64_t n, const int64_t* starts, const void* source) {
  by_size(item, [&](auto zero) {
    using T = decltype(zero);
    auto* to = static_cast<T*>(x);
    auto* from = static_cast<const T*>(source);
    parallel_for((n + kPiece - 1) / kPiece, 4, [=](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; p++) {
        int64_t k = starts[p];
        for (int64_t i = p * kPiece, stop = std::min(n, i + kPiece); i < stop; i++)
          if (mask[i]) to[i] = from[k++];
      }
    });
  });
}

}  // namespace

void register_indexing(Kernels& kernels) {
  kernels.indexing = {out_of_range,   take_blocks, put_blocks,  add_blocks, gather, scatter,
                      scatter_reduce, count_mask,  mask_places, compress,   expand};
}

}  // namespace flambeau::cpu::FL_ISA
