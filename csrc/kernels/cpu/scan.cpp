// Scans along one dimension, and order statistics of rows.
#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <type_traits>

#include "core/kernels/reduce.h"
#include "core/threads.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {
namespace {

constexpr int64_t kGrain = 32 << 10;  // elements of one task
constexpr int64_t kColumns = 256;

template <class T>
struct Wider {
  using type = T;
};
template <>
struct Wider<float> {
  using type = double;
};
template <>
struct Wider<std::complex<float>> {
  using type = std::complex<double>;
};

template <class T>
inline bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) return x != x;
  return false;
}

// Complex products are written out: the library's test for infinities would be a call per element.
template <class T>
inline T times(T a, T b) {
  return a * b;
}
template <class T>
inline std::complex<T> times(std::complex<T> a, std::complex<T> b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

struct SumStep {
  template <class A>
  static constexpr A start = A(0);
  template <class A>
  static inline A next(A a, A x) {
    return a + x;
  }
};
struct ProdStep {
  template <class A>
  static constexpr A start = A(1);
  template <class A>
  static inline A next(A a, A x) {
    return times(a, x);
  }
};
struct LogSumExpStep {
  template <class A>
  static constexpr A start = -std::numeric_limits<A>::infinity();
  template <class A>
  static inline A next(A a, A x) {
    const A high = a > x || is_nan(a) ? a : x, low = a > x || is_nan(a) ? x : a;
    return high == low && std::isinf(low) ? high : high + std::log1p(std::exp(low - high));
  }
};

// Calls body(offset, columns) for every piece that can be scanned on its own.
template <class Body>
void for_pieces(const ScanArgs& a, Body body) {
  if (a.outer * a.size * a.inner == 0) return;
  const int64_t tiles = (a.inner + kColumns - 1) / kColumns, work = a.size * std::min(a.inner, kColumns);
  parallel_for(a.outer * tiles, std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t first = t % tiles * kColumns;
      body(t / tiles * a.size * a.inner + first, std::min(kColumns, a.inner - first));
    }
  });
}

template <class Step, class T>
void scan_values(const ScanArgs& a) {
  using A = typename Wider<T>::type;
  const int64_t step = a.reverse ? -a.inner : a.inner, start = a.reverse ? (a.size - 1) * a.inner : 0;
  for_pieces(a, [&](int64_t at, int64_t w) {
    const T* __restrict x = static_cast<const T*>(a.in) + at + start;
    T* __restrict y = static_cast<T*>(a.out) + at + start;
    A acc[kColumns];
    for (int64_t j = 0; j < w; ++j) acc[j] = Step::template start<A>;
    if (w == 1) {
      A one = acc[0];
      for (int64_t i = 0; i < a.size; ++i) y[i * step] = T(one = Step::next(one, A(x[i * step])));
      return;
    }
    for (int64_t i = 0; i < a.size; ++i, x += step, y += step) {
      for (int64_t j = 0; j < w; ++j) y[j] = T(acc[j] = Step::next(acc[j], A(x[j])));
    }
  });
}

template <class T>
void scan_linear(const ScanArgs& a) {
  using A = typename Wider<T>::type;
  const int64_t step = a.reverse ? -a.inner : a.inner, start = a.reverse ? (a.size - 1) * a.inner : 0;
  for_pieces(a, [&](int64_t at, int64_t w) {
    const T* __restrict x = static_cast<const T*>(a.in) + at + start;
    const T* __restrict f = static_cast<const T*>(a.factor) + at + start + (a.reverse ? a.inner : 0);
    T* __restrict y = static_cast<T*>(a.out) + at + start;
    A acc[kColumns];
    for (int64_t j = 0; j < w; ++j) y[j] = T(acc[j] = A(x[j]));
    for (int64_t i = 1; i < a.size; ++i) {
      x += step, y += step, f += step;
      for (int64_t j = 0; j < w; ++j) y[j] = T(acc[j] = A(x[j]) + times(A(f[j]), acc[j]));
    }
  });
}

// The latest of equal extremes wins, and a NaN stays.
template <bool max, class T>
void scan_extremes(const ScanArgs& a) {
  for_pieces(a, [&](int64_t at, int64_t w) {
    const T* __restrict x = static_cast<const T*>(a.in) + at;
    T* __restrict y = static_cast<T*>(a.out) + at;
    int64_t* __restrict places = a.indices + at;
    T best[kColumns];
    int64_t place[kColumns];
    for (int64_t j = 0; j < w; ++j) best[j] = x[j], place[j] = 0;
    for (int64_t i = 0; i < a.size; ++i, x += a.inner, y += a.inner, places += a.inner) {
      for (int64_t j = 0; j < w; ++j) {
        const bool ahead = max ? x[j] >= best[j] : x[j] <= best[j];
        const bool take = is_nan(x[j]) | (ahead & !is_nan(best[j]));
        y[j] = best[j] = take ? x[j] : best[j];
        places[j] = place[j] = take ? i : place[j];
      }
    }
  });
}

template <class T>
void scan_as(const ScanArgs& a) {
  constexpr bool real = std::is_arithmetic_v<T>;
  if (a.kind == Scan::Sum) return scan_values<SumStep, T>(a);
  if (a.kind == Scan::Prod) return scan_values<ProdStep, T>(a);
  if (a.kind == Scan::Linear) return scan_linear<T>(a);
  if constexpr (real) {
    if (a.kind == Scan::Max) return scan_extremes<true, T>(a);
    if (a.kind == Scan::Min) return scan_extremes<false, T>(a);
  }
  if constexpr (real && std::is_floating_point_v<T>) scan_values<LogSumExpStep, T>(a);
}

// ------------------------------------------------------------------------------------------------------- picks

template <class T>
struct Item {
  T value;
  int64_t index;
};

// NaN counts as the largest value; equal values keep their order.
template <class T>
inline bool before(const Item<T>& a, const Item<T>& b) {
  if (is_nan(a.value) || is_nan(b.value)) return !is_nan(a.value) || (is_nan(b.value) && a.index < b.index);
  return a.value < b.value || (a.value == b.value && a.index < b.index);
}

template <class T>
Item<T> median_of(Item<T>* items, int64_t n, bool skip_nan) {
  int64_t numbers = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (!is_nan(items[i].value)) {
      ++numbers;
    } else if (!skip_nan) {
      return items[i];
    }
  }
  const int64_t k = std::max<int64_t>(0, (numbers - 1) / 2);
  std::nth_element(items, items + k, items + n, [](const Item<T>& a, const Item<T>& b) { return before(a, b); });
  return items[k];
}

// The smallest of the most frequent values, and where it stands last.
template <class T>
Item<T> mode_of(Item<T>* items, int64_t n) {
  std::sort(items, items + n, [](const Item<T>& a, const Item<T>& b) { return before(a, b); });
  Item<T> best = items[0];
  int64_t most = 0;
  for (int64_t begin = 0, end; begin < n; begin = end) {
    for (end = begin + 1; end < n && items[end].value == items[begin].value; ++end) {
    }
    if (end - begin > most) most = end - begin, best = items[end - 1];
  }
  return best;
}

template <class T>
void pick_as(const PickArgs& a) {
  parallel_for(a.rows, std::max<int64_t>(1, kGrain / 8 / a.size), [&](int64_t begin, int64_t end) {
    auto* items = static_cast<Item<T>*>(scratch(0, a.size * int64_t(sizeof(Item<T>))));
    for (int64_t r = begin; r < end; ++r) {
      const T* x = static_cast<const T*>(a.in) + r * a.size;
      for (int64_t i = 0; i < a.size; ++i) items[i] = {x[i], i};
      const Item<T> item =
          a.kind == Pick::Mode ? mode_of(items, a.size) : median_of(items, a.size, a.kind == Pick::NanMedian);
      static_cast<T*>(a.out)[r] = item.value;
      a.indices[r] = item.index;
    }
  });
}

}  // namespace

void scan(const ScanArgs& a) {
  switch (a.dtype) {
    case DType::Float32:
      return scan_as<float>(a);
    case DType::Float64:
      return scan_as<double>(a);
    case DType::Complex64:
      return scan_as<std::complex<float>>(a);
    case DType::Complex128:
      return scan_as<std::complex<double>>(a);
    default:
      return scan_as<int64_t>(a);
  }
}

void pick(const PickArgs& a) {
  switch (a.dtype) {
    case DType::Float32:
      return pick_as<float>(a);
    case DType::Float64:
      return pick_as<double>(a);
    default:
      return pick_as<int64_t>(a);
  }
}

void register_scan(Kernels& kernels) {
  kernels.reduce.scan = scan;
  kernels.reduce.pick = pick;
}

}  // namespace flambeau::cpu::FL_ISA
