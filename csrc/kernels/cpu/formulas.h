// What the formulas of pointwise.def are made of, beside math.h: forms for integers, comparisons, activations.
#pragma once
#include <numeric>

#include "core/errors.h"
#include "kernels/cpu/complex_math.h"

namespace flambeau::cpu::FL_ISA::math {

// ---------------------------------------------------------------- integers

FL_INLINE int64_t abs(int64_t x) { return x < 0 ? -x : x; }
FL_INLINE int64_t floor(int64_t x) { return x; }
FL_INLINE int64_t ceil(int64_t x) { return x; }
FL_INLINE int64_t trunc(int64_t x) { return x; }
FL_INLINE int64_t round_even(int64_t x) { return x; }

[[noreturn, gnu::cold, gnu::noinline]] inline void zero_division(const char* op) {
  FL_FAIL(Runtime, op, "ZeroDivisionError: an integer was divided by zero");
}
inline int64_t div_trunc(int64_t a, int64_t b) {
  if (b == 0) zero_division("div");
  return b == -1 ? -a : a / b;
}
inline int64_t fmod(int64_t a, int64_t b) {
  if (b == 0) zero_division("fmod");
  return b == -1 ? 0 : a % b;
}
inline int64_t div_floor(int64_t a, int64_t b) {
  if (b == 0) zero_division("floor_divide");
  if (b == -1) return -a;
  int64_t q = a / b;
  return q - (q * b != a && (a < 0) != (b < 0));
}
inline int64_t remainder(int64_t a, int64_t b) {
  if (b == 0) zero_division("remainder");
  if (b == -1) return 0;
  int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
// Wraps around; a negative exponent rounds towards zero.
inline int64_t pow(int64_t a, int64_t b) {
  if (b < 0) return a == 1 ? 1 : (a == -1 ? (b % 2 ? -1 : 1) : 0);
  uint64_t result = 1, base = static_cast<uint64_t>(a);
  for (; b; b >>= 1, base *= base)
    if (b & 1) result *= base;
  return static_cast<int64_t>(result);
}
FL_INLINE int64_t shift_left(int64_t a, int64_t b) { return uint64_t(b) > 63 ? 0 : int64_t(uint64_t(a) << b); }
FL_INLINE int64_t shift_right(int64_t a, int64_t b) { return a >> (uint64_t(b) > 63 ? 63 : b); }

// ---------------------------------------------------------------- division of floating-point numbers

template <class T>
FL_INLINE T div_trunc(T a, T b) {
  return trunc(a / b);
}
template <class T>
FL_INLINE T remainder(T a, T b) {
  return remainder_from_fmod(fmod(a, b), b);
}
template <class T>
FL_INLINE T div_floor(T a, T b) {
  return floor_divide_from_fmod(a, b, fmod(a, b));
}

// ---------------------------------------------------------------- classes and signs

template <class T>
FL_INLINE bool is_nan(T x) {
  return x != x;
}
template <class T>
FL_INLINE bool is_inf(T x) {
  if constexpr (std::is_floating_point_v<T>) return abs(x) == inf<T>;
  return false;
}
template <class T>
FL_INLINE bool is_finite(T x) {
  if constexpr (std::is_floating_point_v<T>) return abs(x) < inf<T>;
  return true;
}
template <class T>
FL_INLINE bool is_posinf(T x) {
  if constexpr (std::is_floating_point_v<T>) return x == inf<T>;
  return false;
}
template <class T>
FL_INLINE bool is_neginf(T x) {
  if constexpr (std::is_floating_point_v<T>) return x == -inf<T>;
  return false;
}
template <class T>
FL_INLINE bool signbit(T x) {
  if constexpr (std::is_floating_point_v<T>) return (bits(x) & sign_mask<T>) != 0;
  return x < T(0);
}
template <class T>
FL_INLINE T sgn(T x) {
  return T((x > T(0)) - (x < T(0)));
}
template <class T>
FL_INLINE T angle(T x) {
  return x != x ? x : (x < T(0) ? T(pi) : T(0));
}

// A parameter as a factor; of bools it is one.
template <class T>
FL_INLINE T factor(double p) {
  if constexpr (std::is_same_v<T, uint8_t>) return p != 0;
  return T(p);
}

// ---------------------------------------------------------------- selections

// These give NaN where one argument is NaN.
template <class T>
FL_INLINE T maximum(T a, T b) {
  return (a > b) | (a != a) ? a : b;
}
template <class T>
FL_INLINE T minimum(T a, T b) {
  return (a < b) | (a != a) ? a : b;
}
// These give the other argument.
template <class T>
FL_INLINE T fmax(T a, T b) {
  return (a >= b) | (b != b) ? a : b;
}
template <class T>
FL_INLINE T fmin(T a, T b) {
  return (a <= b) | (b != b) ? a : b;
}
template <class T>
FL_INLINE T clamp(T x, T low, T high) {
  return minimum(maximum(x, low), high);
}
// The same between two numbers that hold for all elements, in a form that becomes vector code.
template <class T>
FL_INLINE T clamp_between(T x, T low, T high) {
  T y = x < low || low != low ? low : x;
  return y > high || high != high ? high : y;
}
template <class T>
FL_INLINE T lerp(T a, T b, T w) {
  if constexpr (std::is_floating_point_v<T>) {
    return abs(w) < T(0.5) ? a + w * (b - a) : b - (b - a) * (T(1) - w);
  } else {
    return std::abs(w) < 0.5 ? a + w * (b - a) : b - (b - a) * (T(1) - w);
  }
}
template <class T>
FL_INLINE T nan_to_num(T x, const double* p) {
  if constexpr (requires { x.imag(); }) {
    return {nan_to_num(x.real(), p), nan_to_num(x.imag(), p)};
  } else {
    T y = x == inf<T> ? T(p[1]) : x;
    y = x == -inf<T> ? T(p[2]) : y;
    return x != x ? T(p[0]) : y;
  }
}
// Digits after the point: p[0] = 10^|decimals|, p[1] tells whether they are negative.
template <class T>
FL_INLINE T round_to(T x, const double* p) {
  T ten = T(p[0]);
  return p[1] != 0 ? round_even(x / ten) * ten : round_even(x * ten) / ten;
}

// ---------------------------------------------------------------- activations

template <class T>
FL_INLINE T elu(T x, T alpha, T scale, T inner) {
  return x > T(0) ? scale * x : scale * alpha * expm1((x > T(0) ? T(0) : x) * inner);
}
template <class T>
FL_INLINE T softplus(T x, T beta, T threshold) {
  T z = x * beta;
  return where_less(threshold, z, x, softplus(z) / beta);
}
template <class T>
FL_INLINE T hardsigmoid(T x) {
  return clamp(x + T(3), T(0), T(6)) * T(1.0 / 6);
}
template <class T>
FL_INLINE T softshrink(T x, T bound) {
  T y = x > bound ? x - bound : x * T(0);
  return x < -bound ? x + bound : y;
}

// ---------------------------------------------------------------- derivatives as kernels of their own

template <class T>
FL_INLINE T gelu_derivative(T x) {
  auto [cdf, density] = normal(x);
  return cdf + product_or_zero(x, density);
}
template <class T>
FL_INLINE T gelu_tanh_derivative(T x) {
  T u = x * (T(1) + T(0.044715) * x * x) * T(1.5957691216057307);
  auto [s, rest] = sigmoids(u);
  T slope = T(1.5957691216057307) + T(3 * 0.044715 * 1.5957691216057307) * x * x;
  return s + product_or_zero(x * slope, s * rest);
}
template <class T>
FL_INLINE T silu_derivative(T x) {
  auto [s, rest] = sigmoids(x);
  return s + product_or_zero(x * s, rest);
}

}  // namespace flambeau::cpu::FL_ISA::math
