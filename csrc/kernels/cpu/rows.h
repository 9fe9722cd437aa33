// Reducing one contiguous run of memory to one number, vectorised, and the rules to do it by.
#pragma once
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace flambeau::cpu::FL_ISA {
namespace {

// ------------------------------------------------------------------------------------------------ element rules

template <class T>
using Vec [[gnu::vector_size(64)]] = T;
template <class T>
constexpr int kLanes = 64 / sizeof(T);

template <class T>
struct Lowest {
  static constexpr T value =
      std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::min();
};
template <class T>
struct Highest {
  static constexpr T value =
      std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
};

// Each rule maps an element and combines two results; both work on scalars and on vectors. NaN wins in max and min.
struct Add {
  static constexpr bool additive = true;
  template <class T>
  static constexpr T identity = T(0);
  template <class V>
  static inline V combine(V a, V b) {
    return a + b;
  }
};
struct Sum : Add {
  template <class V>
  static inline V map(V x, double) {
    return x;
  }
};
struct NanSum : Add {
  template <class V>
  static inline V map(V x, double) {
    return x != x ? V{} : x;
  }
};
struct Count : Add {
  template <class V>
  static inline V map(V x, double) {
    return x != 0 ? V{} + 1 : V{};
  }
};
struct AbsSum : Add {
  template <class V>
  static inline V map(V x, double) {
    return x < 0 ? -x : x;
  }
};
struct SquareSum : Add {
  template <class V>
  static inline V map(V x, double) {
    return x * x;
  }
};
struct PowSum : Add {
  static inline float map(float x, double p) { return std::pow(std::fabs(x), float(p)); }
  static inline double map(double x, double p) { return std::pow(std::fabs(x), p); }
  template <class V>
  static inline V map(V x, double p) {
    for (int i = 0; i < int(sizeof(x) / sizeof(x[0])); ++i) x[i] = map(x[i], p);
    return x;
  }
};
struct Prod {
  static constexpr bool additive = false;
  template <class T>
  static constexpr T identity = T(1);
  template <class V>
  static inline V map(V x, double) {
    return x;
  }
  template <class V>
  static inline V combine(V a, V b) {
    return a * b;
  }
};
struct Max {
  static constexpr bool additive = false;
  template <class T>
  static constexpr T identity = Lowest<T>::value;
  template <class V>
  static inline V map(V x, double) {
    return x;
  }
  template <class V>
  static inline V combine(V a, V b) {
    V m = a > b ? a : b;
    return a != a ? a : m;
  }
};
struct Min {
  static constexpr bool additive = false;
  template <class T>
  static constexpr T identity = Highest<T>::value;
  template <class V>
  static inline V map(V x, double) {
    return x;
  }
  template <class V>
  static inline V combine(V a, V b) {
    V m = a < b ? a : b;
    return a != a ? a : m;
  }
};
struct AbsMax : Max {
  template <class T>
  static constexpr T identity = T(0);
  template <class V>
  static inline V map(V x, double p) {
    return AbsSum::map(x, p);
  }
};
struct AbsMin : Min {
  template <class V>
  static inline V map(V x, double p) {
    return AbsSum::map(x, p);
  }
};
// Any and All combine ones and zeros, without comparisons: those of map() would melt with them into a form that GCC 12
// cannot compile for SSE2.
struct Any : Max {
  template <class T>
  static constexpr T identity = T(0);
  template <class V>
  static inline V map(V x, double p) {
    return Count::map(x, p);
  }
  template <class V>
  static inline V combine(V a, V b) {
    if constexpr (requires { a | b; })
      return a | b;
    else
      return a + b - a * b;
  }
};
struct All : Min {
  template <class T>
  static constexpr T identity = T(1);
  template <class V>
  static inline V map(V x, double p) {
    return Count::map(x, p);
  }
  template <class V>
  static inline V combine(V a, V b) {
    if constexpr (requires { a & b; })
      return a & b;
    else
      return a * b;
  }
};

// ----------------------------------------------------------------------------------------------------- one run

// Sums of floats go on in double.
template <class Op, class T>
using Wide = std::conditional_t<Op::additive && std::is_same_v<T, float>, double, T>;

// One result from the lanes of a vector, in halves.
template <class Op, class T, class V>
inline T fold_lanes(V v) {
  if constexpr (sizeof(V) == 2 * sizeof(T)) {
    return Op::combine(T(v[0]), T(v[1]));
  } else {
    typedef T Half [[gnu::vector_size(sizeof(V) / 2)]];
    Half low, high;
    std::memcpy(&low, &v, sizeof(low));
    std::memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof(low), sizeof(high));
    return fold_lanes<Op, T, Half>(Op::combine(low, high));
  }
}

template <class T>
inline Vec<T> vector_at(const T* x) {
  Vec<T> v;
  std::memcpy(&v, x, sizeof(v));  // one unaligned load
  return v;
}

// Reduces up to 64 vectors; four accumulators hide the latency.
template <class Op, class T>
inline Vec<T> reduce_block(const T* x, int64_t n, double p) {
  constexpr int L = kLanes<T>;
  const Vec<T> identity = Vec<T>{} + Op::template identity<T>;
  Vec<T> a = identity, b = identity, c = identity, d = identity;
  int64_t i = 0;
  for (; i + 4 * L <= n; i += 4 * L) {
    a = Op::combine(a, Op::map(vector_at(x + i), p));
    b = Op::combine(b, Op::map(vector_at(x + i + L), p));
    c = Op::combine(c, Op::map(vector_at(x + i + 2 * L), p));
    d = Op::combine(d, Op::map(vector_at(x + i + 3 * L), p));
  }
  for (; i + L <= n; i += L) a = Op::combine(a, Op::map(vector_at(x + i), p));
  if (i < n) {
    Vec<T> tail = Vec<T>{}, rest = identity;
    std::memcpy(&tail, x + i, size_t(n - i) * sizeof(T));
    tail = Op::map(tail, p);
    std::memcpy(&rest, &tail, size_t(n - i) * sizeof(T));
    b = Op::combine(b, rest);
  }
  return Op::combine(Op::combine(a, b), Op::combine(c, d));
}

template <class Op, class T>
inline Wide<Op, T> reduce_run(const T* x, int64_t n, double p) {
  constexpr int64_t block = 64 * kLanes<T>;
  auto all = Wide<Op, T>(fold_lanes<Op, T>(reduce_block<Op, T>(x, std::min(block, n), p)));
  for (int64_t i = block; i < n; i += block) {
    const Vec<T> part = reduce_block<Op, T>(x + i, std::min(block, n - i), p);
    all = Op::combine(all, Wide<Op, T>(fold_lanes<Op, T>(part)));
  }
  return all;
}

// The same for data beyond the caches: four blocks side by side, while memory is asked for the next four, for memory
// gives more to several streams than to one.
template <class T>
constexpr int64_t kFarRun = 256 * kLanes<T>;
template <class Op, class T>
inline Wide<Op, T> reduce_far_run(const T* x, double p) {
#ifdef __AVX512F__
  constexpr int L = kLanes<T>;
  Vec<T> parts[4][4];
  for (auto& part : parts)
    for (Vec<T>& v : part) v = Vec<T>{} + Op::template identity<T>;
  for (int64_t i = 0; i < 64 * L; i += 4 * L) {
    for (int b = 0; b < 4; ++b) {
      for (int k = 0; k < 4; ++k) {
        const T* from = x + (64 * b + k) * L + i;
        __builtin_prefetch(from + kFarRun<T>);
        parts[b][k] = Op::combine(parts[b][k], Op::map(vector_at(from), p));
      }
    }
  }
  Wide<Op, T> all[4];
  for (int b = 0; b < 4; ++b) {
    const Vec<T>* v = parts[b];
    all[b] = Wide<Op, T>(fold_lanes<Op, T>(Op::combine(Op::combine(v[0], v[1]), Op::combine(v[2], v[3]))));
  }
  return Op::combine(Op::combine(Op::combine(all[0], all[1]), all[2]), all[3]);
#else
  return reduce_run<Op, T>(x, kFarRun<T>, p);  // too few registers
#endif
}

// Up to a whole vector of elements, `rest` in the lanes beyond the n-th.
template <class T>
inline Vec<T> some_at(const T* x, int64_t n, T rest) {
  Vec<T> v = Vec<T>{} + rest;
  std::memcpy(&v, x, size_t(n) * sizeof(T));
  return v;
}

// N sums at once over i in [0, n): terms(i, load, t) adds to t[0..N) what the vector at i contributes, where load(x +
// i, rest) reads it. In double after 32 additions per lane.
template <int N, class T, class Terms>
inline void sums_of(int64_t n, double* sums, Terms terms) {
  constexpr int L = kLanes<T>, block = 64 * L;
  for (int k = 0; k < N; ++k) sums[k] = 0;
  auto whole = [](const T* x, T) { return vector_at(x); };
  for (int64_t i = 0; i < n; i += block) {
    const int64_t end = std::min(n, i + block);
    Vec<T> a[N] = {}, b[N] = {};
    int64_t j = i;
    for (; j + 2 * L <= end; j += 2 * L) {
      terms(j, whole, a);
      terms(j + L, whole, b);
    }
    for (; j < end; j += L) {
      const int64_t left = std::min<int64_t>(L, end - j);
      terms(j, [left](const T* x, T rest) { return some_at(x, left, rest); }, a);
    }
    for (int k = 0; k < N; ++k) sums[k] += double(fold_lanes<Sum, T>(a[k] + b[k]));
  }
}

// Count, mean and sum of squared deviations, joined by the formula of Chan, Golub and LeVeque (1979).
struct Spread {
  double n = 0, mean = 0, m2 = 0;

  inline void add(const Spread& o) {
    if (o.n == 0) return;
    const double total = n + o.n, delta = o.mean - mean;
    mean += delta * (o.n / total);
    m2 += o.m2 + delta * delta * (n * o.n / total);
    n = total;
  }
};

// Two passes over data in L1; the second takes deviations from the rounded mean and corrects for the rounding.
template <class T>
inline Spread spread_of(const T* x, int64_t n) {
  constexpr int64_t tile = 4096;
  Spread all;
  for (int64_t i = 0; i < n; i += tile) {
    const T* part = x + i;
    const int64_t m = std::min(tile, n - i);
    const T center = T(reduce_run<Sum, T>(part, m, 0) / double(m));
    double s[2];
    sums_of<2, T>(m, s, [=](int64_t j, auto load, Vec<T>* t) {
      const Vec<T> d = load(part + j, center) - center;
      t[0] += d;
      t[1] += d * d;
    });
    const Spread here = {double(m), double(center) + s[0] / double(m), s[1] - s[0] * (s[0] / double(m))};
    if (m == n) return here;
    all.add(here);
  }
  return all;
}

}  // namespace
}  // namespace flambeau::cpu::FL_ISA
