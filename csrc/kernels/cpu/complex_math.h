// The elementary functions for complex numbers: the C library's, and what it lacks.
#pragma once
#include "kernels/cpu/special.h"

namespace flambeau::cpu::FL_ISA::math {

template <class T>
using Complex = std::complex<T>;

#define FL_COMPLEX(name)                        \
  template <class T>                            \
  inline Complex<T> name(const Complex<T>& x) { \
    return std::name(x);                        \
  }
FL_COMPLEX(exp)
FL_COMPLEX(log)
FL_COMPLEX(log10)
FL_COMPLEX(sqrt)
FL_COMPLEX(sin)
FL_COMPLEX(cos)
FL_COMPLEX(tan)
FL_COMPLEX(asin)
FL_COMPLEX(acos)
FL_COMPLEX(atan)
FL_COMPLEX(sinh)
FL_COMPLEX(cosh)
FL_COMPLEX(tanh)
FL_COMPLEX(asinh)
FL_COMPLEX(acosh)
FL_COMPLEX(atanh)
#undef FL_COMPLEX

template <class T>
inline Complex<T> exp2(const Complex<T>& x) {
  return std::exp(x * T(0.69314718055994530942));
}
// e^a cos b - 1 + i e^a sin b, without the cancellation at small x
template <class T>
inline Complex<T> expm1(const Complex<T>& x) {
  T a = x.real(), b = x.imag();
  if (b == T(0)) return {expm1(a), b};
  T s = std::sin(b / 2);
  T e = expm1(a);
  return {e * std::cos(b) - 2 * s * s, (e + 1) * std::sin(b)};
}
template <class T>
inline Complex<T> log2(const Complex<T>& x) {
  return std::log(x) * T(1.4426950408889634074);
}
// log|1 + x| = log1p(a (2 + a) + b^2) / 2 near zero
template <class T>
inline Complex<T> log1p(const Complex<T>& x) {
  T a = x.real(), b = x.imag();
  if (abs(a) > T(0.5) || abs(b) > T(0.5)) return std::log(Complex<T>(1 + a, b));
  return {T(0.5) * log1p(a * (2 + a) + b * b), std::atan2(b, 1 + a)};
}
template <class T>
inline Complex<T> rsqrt(const Complex<T>& x) {
  return T(1) / std::sqrt(x);
}
template <class T>
inline Complex<T> sigmoid(const Complex<T>& x) {
  return T(1) / (T(1) + std::exp(-x));
}
template <class T>
inline Complex<T> silu(const Complex<T>& x) {
  return x / (T(1) + std::exp(-x));
}
template <class T>
inline Complex<T> sinc(const Complex<T>& x) {
  return x == T(0) ? Complex<T>(1) : std::sin(T(pi) * x) / (T(pi) * x);
}
template <class T>
inline T abs(const Complex<T>& x) {
  return std::abs(x);
}
template <class T>
inline Complex<T> sgn(const Complex<T>& x) {
  return x == T(0) ? Complex<T>(0) : x / std::abs(x);
}
template <class T>
inline T angle(const Complex<T>& x) {
  return std::arg(x);
}
template <class T>
inline Complex<T> pow(const Complex<T>& x, const Complex<T>& y) {
  if (y == T(0)) return T(1);
  if (x == T(0)) return y.real() > 0 ? Complex<T>(0) : Complex<T>(nan<T>, nan<T>);
  return std::pow(x, y);
}
template <class T>
inline Complex<T> logaddexp(const Complex<T>& a, const Complex<T>& b) {
  if (a.real() == b.real() && !std::isfinite(a.real()) && a.real() < 0) return a;
  const Complex<T>&high = a.real() < b.real() ? b : a, &low = a.real() < b.real() ? a : b;
  return high + log1p(std::exp(low - high));
}

template <class T>
FL_INLINE bool is_nan(const Complex<T>& x) {
  return x != x;
}
template <class T>
FL_INLINE bool is_inf(const Complex<T>& x) {
  return abs(x.real()) == inf<T> || abs(x.imag()) == inf<T>;
}
template <class T>
FL_INLINE bool is_finite(const Complex<T>& x) {
  return abs(x.real()) < inf<T> && abs(x.imag()) < inf<T>;
}

}  // namespace flambeau::cpu::FL_ISA::math
