// Elementary functions for float and double as branch-free scalar code: `for (i) y[i] = exp(x[i])` becomes vector
// code. Within 2.5 units in the last place on the whole line (most within 1), with IEEE's special cases.
// Float functions compute in float where that is accurate enough and in double where it is not. Functions of
// double that are rarely hot call the C library. Polynomials are minimax fits made for this file.
//
// sin, cos, tan (and fmod in float) are fast only up to a bound. A kernel calls them where `*_rare(x)` is false
// and `*_slow(x)` elsewhere, so that one huge element does not cost the vector code of the others.
#pragma once
#include <bit>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/half.h"

namespace flambeau::cpu::FL_ISA::math {

template <class T>
struct Format;
template <>
struct Format<float> {
  using Bits = uint32_t;
  using Int = int32_t;
  static constexpr int mantissa = 23, bias = 127;
  static constexpr float round = 0x1.8p23f;  // adding it rounds to an integer, which then sits in the low bits
  static constexpr float ln2_hi = 0x1.62ep-1f, ln2_lo = 0x1.0bfbe8e8p-15f;
};
template <>
struct Format<double> {
  using Bits = uint64_t;
  using Int = int64_t;
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double round = 0x1.8p52;
  static constexpr double ln2_hi = 0x1.62e42fee00000p-1, ln2_lo = 0x1.a39ef35793c76p-33;
};

template <class T>
inline constexpr T inf = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T nan = std::numeric_limits<T>::quiet_NaN();
template <class T>
inline constexpr bool is_float = std::is_same_v<T, float>;

template <class T>
FL_INLINE typename Format<T>::Bits bits(T x) {
  return std::bit_cast<typename Format<T>::Bits>(x);
}
template <class T>
FL_INLINE T from_bits(typename Format<T>::Bits u) {
  return std::bit_cast<T>(u);
}
template <class T>
inline constexpr typename Format<T>::Bits sign_mask = typename Format<T>::Bits(1) << (sizeof(T) * 8 - 1);

template <class T>
FL_INLINE T abs(T x) {
  return from_bits<T>(bits(x) & ~sign_mask<T>);
}
template <class T>
FL_INLINE T copysign(T x, T sign) {
  return from_bits<T>((bits(x) & ~sign_mask<T>) | (bits(sign) & sign_mask<T>));
}
// These two give x when x is NaN.
template <class T>
FL_INLINE T at_most(T x, T high) {
  return x > high ? high : x;
}
template <class T>
FL_INLINE T at_least(T x, T low) {
  return x < low ? low : x;
}

// Choices as functions, which floats.h has for blocks too.
template <class T>
FL_INLINE T where_less(T x, T bound, T y, T z) {
  return x < bound ? y : z;
}
// a * b, but zero where b is zero and a infinite or NaN.
template <class T>
FL_INLINE T product_or_zero(T a, T b) {
  return b == T(0) ? T(0) : a * b;
}

// a + b = s + error exactly.
template <class T>
struct Pair {
  T hi, lo;
};
template <class T>
FL_INLINE Pair<T> two_sum(T a, T b) {
  T s = a + b;
  T v = s - a;
  return {s, (a - (s - v)) + (b - v)};
}
// x * x = hi + lo, exactly but for the last bits of lo where there is no fused multiply-add.
template <class T>
FL_INLINE Pair<T> square_exact(T x) {
  T hi = x * x;
#ifdef __FMA__
  if constexpr (is_float<T>)
    return {hi, __builtin_fmaf(x, x, -hi)};
  else
    return {hi, __builtin_fma(x, x, -hi)};
#else
  if constexpr (is_float<T>) {
    return {hi, float(double(x) * double(x) - double(hi))};
  } else {
    T top = from_bits<T>(bits(x) & (~uint64_t(0) << 27));
    T low = x - top;
    return {hi, ((top * top - hi) + (top + top) * low) + low * low};
  }
#endif
}
// c0 + x c1 + x^2 c2 + ...
template <class T>
FL_INLINE T poly(T, T c) {
  return c;
}
template <class T, class... C>
FL_INLINE T poly(T x, T c, C... rest) {
  return poly(x, rest...) * x + c;
}

// ---------------------------------------------------------------- exponentials

template <class T>
FL_INLINE T power_of_two(typename Format<T>::Int n) {
  using F = Format<T>;
  return from_bits<T>(typename F::Bits(n + F::bias) << F::mantissa);
}

// x = n ln 2 + r with |r| <= 0.35. Adding `round` puts n + offset + bias into the low bits, so that a shift makes
// the power of two.
template <class T>
struct Reduced {
  T r, power;  // power = 2^(n + offset)
};
template <class T>
FL_INLINE Reduced<T> reduce_exp(T x, T offset = T(0)) {
  using F = Format<T>;
  T round = F::round + T(F::bias) + offset;
  T shifted = x * T(1.4426950408889634074) + round;
  T n = shifted - round;
  T r = (x - n * F::ln2_hi) - n * F::ln2_lo;
  return {r, from_bits<T>(bits(shifted) << F::mantissa)};
}

// (exp(r) - 1 - r) / r^2 for |r| <= 0.35
FL_INLINE float exp_tail(float r) {
  return poly(r, 0.500000007f, 0.166666658f, 0.0416662804f, 0.00833350412f, 0.0013945751f, 0.000197891178f);
}
FL_INLINE double exp_tail(double r) {
  return poly(r, 0.5, 0.16666666666666685, 0.041666666666666033, 0.0083333333333157102, 0.0013888888889134567,
              0.00019841269899714966, 2.4801586903178602e-05, 2.7557231490218413e-06, 2.7557592867644949e-07,
              2.5113224482716774e-08, 2.0825506946702092e-09);
}

// 1 + r + r^2 tail
template <class T>
FL_INLINE T exp_reduced(T r) {
  return r * (r * exp_tail(r) + T(1)) + T(1);
}

// exp(x) * 2^shift. Low results are made 2^64 too large and brought down at the end, where they round once;
// the power is 2^(n - 2) as 2^128 is not a float.
template <int shift, class T>
FL_INLINE T exp_scaled(T x) {
  constexpr T highest = is_float<T> ? T(89.5) : T(710.5);
  constexpr T lowest = is_float<T> ? T(-104) : T(-746);
  bool low = x < (is_float<T> ? T(-80) : T(-700));
  auto [r, power] = reduce_exp(x, low ? T(62) : T(-2));
  constexpr T up = T(shift < 0 ? 2 : 4);
  T y = (exp_reduced(r) * power) * (low ? up * T(0x1p-64) : up);
  y = x > highest ? inf<T> : y;
  return x < lowest ? T(0) : y;
}
template <class T>
FL_INLINE T exp(T x) {
  return exp_scaled<0>(x);
}

// exp(x) for x <= 0, zero where that is below the smallest normal number.
template <class T>
FL_INLINE T exp_negative(T x) {
  auto [r, power] = reduce_exp(x);
  T e = exp_reduced(r) * power;
  return x < (is_float<T> ? T(-87.33) : T(-708.39)) ? T(0) : e;
}
// The same for x + correction.
template <class T>
FL_INLINE T exp_negative(T x, T correction) {
  auto [r, power] = reduce_exp(x);
  T e = exp_reduced(r + correction) * power;
  return x < (is_float<T> ? T(-87.33) : T(-708.39)) ? T(0) : e;
}

template <class T>
FL_INLINE T exp2(T x) {
  using F = Format<T>;
  bool low = x < (is_float<T> ? T(-120) : T(-1000));
  T round = F::round + T(F::bias) + (low ? T(62) : T(-2));
  T shifted = x + round;
  T r = (x - (shifted - round)) * T(0.69314718055994530942);
  T y = (exp_reduced(r) * from_bits<T>(bits(shifted) << F::mantissa)) * (low ? T(0x1p-62) : T(4));
  y = x > (is_float<T> ? T(129) : T(1025)) ? inf<T> : y;
  return x < (is_float<T> ? T(-151) : T(-1076)) ? T(0) : y;
}

// exp(x) - 1 = 2 (2^(n-1) e + (2^(n-1) - 1/2)) with e = expm1(r)
template <class T>
FL_INLINE T expm1(T x) {
  T y = at_most(at_least(x, is_float<T> ? T(-30) : T(-50)), is_float<T> ? T(89) : T(710));
  auto [r, half] = reduce_exp(y, T(-1));
  T e = r + r * r * exp_tail(r);
  T result = T(2) * (half * e + (half - T(0.5)));
  return x == T(0) ? x : result;
}

// ---------------------------------------------------------------- logarithms

// x = 2^k m, sqrt(1/2) <= m < sqrt(2)
template <class T>
struct Binade {
  T k, m;
};
template <class T>
FL_INLINE Binade<T> split_binade(T x) {
  using F = Format<T>;
  using Bits = typename F::Bits;
  constexpr Bits low = is_float<T> ? Bits(0x3f3504f3u) : Bits(0x3fe6a09e667f3bcdull);
  constexpr T tiny = std::numeric_limits<T>::min();
  constexpr T up = is_float<T> ? T(0x1p24) : T(0x1p54);
  bool subnormal = x < tiny;
  x = subnormal ? x * up : x;
  // The exponent as a small positive integer, put into the low bits of a floating-point number.
  Bits e = (bits(x) - low + (Bits(F::bias) << F::mantissa)) >> F::mantissa;
  T k = from_bits<T>(bits(F::round) + e) - (F::round + T(F::bias));
  T m = from_bits<T>(bits(x) - ((e - Bits(F::bias)) << F::mantissa));
  return {subnormal ? k - T(is_float<T> ? 24 : 54) : k, m};
}

// log(1 + f) = hi + lo for sqrt(1/2) <= 1 + f < sqrt(2)
FL_INLINE Pair<float> log_reduced(float f) {
  float half = 0.5f * f * f;
  float tail = poly(f, 0.333333126f, -0.250000095f, 0.200021178f, -0.166680006f, 0.142195671f, -0.124055f, 0.118879943f,
                    -0.116761582f, 0.067475903f);
  float hi = f - half;
  return {hi, ((f - hi) - half) + f * (f * f) * tail};
}
FL_INLINE Pair<double> log_reduced(double f) {
  double half = 0.5 * f * f;
  double s = f / (2 + f);
  double z = s * s;
  double tail = z * poly(z, 0.66666666666666663, 0.40000000000006275, 0.28571428569077084, 0.2222222264820419,
                         0.18181775546168819, 0.15387096255121388, 0.13249988410775915, 0.13252555575801001);
  double hi = f - half;
  return {hi, ((f - hi) - half) + s * (half + tail)};
}

// What every logarithm gives for zero, negative numbers, infinity and NaN.
template <class T>
FL_INLINE T log_special(T x, T y) {
  y = x == inf<T> ? x : y;
  y = x == T(0) ? -inf<T> : y;
  return x < T(0) || x != x ? nan<T> : y;
}

template <class T>
FL_INLINE T log(T x) {
  using F = Format<T>;
  auto [k, m] = split_binade(x);
  auto [hi, lo] = log_reduced(m - T(1));
  return log_special(x, k * F::ln2_hi + (hi + (lo + k * F::ln2_lo)));
}

// (hi + lo) * (c_hi + c_lo), where c_hi has so few bits that hi's upper half times it is exact.
template <class T>
FL_INLINE T log_times(Pair<T> y, T c_hi, T c_lo, T k, T k_hi, T k_lo) {
  auto cut = ~typename Format<T>::Bits(0) << (is_float<T> ? 12 : 32);
  T top = from_bits<T>(bits(y.hi) & cut);
  T rest = (y.hi - top) + y.lo;
  return k * k_hi + (top * c_hi + (rest * c_hi + ((y.hi + y.lo) * c_lo + k * k_lo)));
}

template <class T>
FL_INLINE T log2(T x) {
  auto [k, m] = split_binade(x);
  constexpr T c = is_float<T> ? T(1.4423828125) : T(1.44269504072144627571);  // 12 and 32 bits of 1/ln(2)
  constexpr T c_lo = is_float<T> ? T(3.12228388963407e-4) : T(1.67517131648865118353e-10);
  return log_special(x, log_times(log_reduced(m - T(1)), c, c_lo, k, T(1), T(0)));
}

template <class T>
FL_INLINE T log10(T x) {
  auto [k, m] = split_binade(x);
  constexpr T c = is_float<T> ? T(0.434326171875) : T(4.34294481878168880939e-01);
  constexpr T c_lo = is_float<T> ? T(-3.1689971748172e-05) : T(2.50829467116452752298e-11);
  constexpr T k_hi = is_float<T> ? T(0.301025390625) : T(3.01029995663611771306e-01);
  constexpr T k_lo = is_float<T> ? T(4.605038981195e-06) : T(3.69423907715893078616e-13);
  return log_special(x, log_times(log_reduced(m - T(1)), c, c_lo, k, k_hi, k_lo));
}

template <class T>
FL_INLINE T log1p(T x) {
  using F = Format<T>;
  auto [u, error] = two_sum(T(1), x);
  auto [k, m] = split_binade(u);
  // error * 2^-k; beyond 2^60 the error does not matter, and the factor stays finite.
  T factor = power_of_two<T>(typename F::Int(bits(F::round - at_most(k, T(60))) - bits(F::round)));
  auto [hi, lo] = log_reduced((m - T(1)) + error * factor);
  T y = k * F::ln2_hi + (hi + (lo + k * F::ln2_lo));
  y = x == inf<T> ? x : y;
  y = x == T(-1) ? -inf<T> : y;
  y = x < T(-1) || x != x ? nan<T> : y;
  return x == T(0) ? x : y;
}

// ---------------------------------------------------------------- pow, roots

FL_INLINE float sqrt(float x) { return __builtin_sqrtf(x); }
FL_INLINE double sqrt(double x) { return __builtin_sqrt(x); }
template <class T>
FL_INLINE T rsqrt(T x) {
  return T(1) / sqrt(x);
}

// To the nearest integer, halves to even.
template <class T>
FL_INLINE T round_even(T x) {
#ifdef __SSE4_1__
  if constexpr (is_float<T>) return __builtin_rintf(x);
  return __builtin_rint(x);
#else
  constexpr T large = is_float<T> ? T(0x1p23) : T(0x1p52);
  T a = abs(x);
  T r = a < large ? (a + large) - large : a;
  return copysign(r, x);
#endif
}
template <class T>
FL_INLINE T floor(T x) {
#ifdef __SSE4_1__
  if constexpr (is_float<T>) return __builtin_floorf(x);
  return __builtin_floor(x);
#else
  T r = round_even(x);
  return r > x ? r - T(1) : r;
#endif
}
template <class T>
FL_INLINE T ceil(T x) {
#ifdef __SSE4_1__
  if constexpr (is_float<T>) return __builtin_ceilf(x);
  return __builtin_ceil(x);
#else
  T r = round_even(x);
  return r < x ? copysign(r + T(1), x) : r;
#endif
}
template <class T>
FL_INLINE T trunc(T x) {
#ifdef __SSE4_1__
  if constexpr (is_float<T>) return __builtin_truncf(x);
  return __builtin_trunc(x);
#else
  return copysign(floor(abs(x)), x);
#endif
}

inline double pow(double x, double y) { return std::pow(x, y); }

// In double: log2 of |x| to 2^-44, and 2^t from it, so that the float result is right to half a unit.
FL_INLINE float pow(float xf, float yf) {
  double x = abs(xf), y = yf;
  auto [k, m] = split_binade(x);
  double s = (m - 1) / (m + 1), z = s * s;
  double log2x =
      k + s * poly(z, 2.885390081777926, 0.9617966939338347, 0.5770780168411466, 0.41219858153, 0.32059897, 0.2623);
  double t = y * log2x;
  t = at_most(at_least(t, -1000.0), 1000.0);
  double shifted = t + Format<double>::round;
  double r = (t - (shifted - Format<double>::round)) * 0.69314718055994530942;
  double p = poly(r, 1.0, 1.0, 0.50000000000000122, 0.16666666666666385, 0.04166666666651931, 0.0083333333335085871,
                  0.0013888888946890822, 0.00019841269489484473, 2.480148937398593e-05);
  double power = p * power_of_two<double>(int64_t(bits(shifted) - bits(Format<double>::round)));
  bool negative = y < 0;
  power = x == 0 ? (negative ? inf<double> : 0.0) : power;
  power = x == inf<double> ? (negative ? 0.0 : inf<double>) : power;
  power = abs(y) == inf<double> ? (x == 1 ? 1.0 : ((x > 1) == (y > 0) ? inf<double> : 0.0)) : power;
  // Below zero, the sign of an odd power; no real value for a power that is no integer.
  float ya = abs(yf);
  float whole = trunc(yf);
  float half = yf * 0.5f;
  bool integer = whole == yf;
  bool odd = integer && trunc(half) != half && ya < 0x1p24f;
  float result = float(power);
  result = odd ? copysign(result, xf) : result;
  result = xf < 0 && !integer && xf != -inf<float> ? nan<float> : result;
  result = xf != xf || yf != yf ? nan<float> : result;
  return yf == 0 || xf == 1 ? 1.0f : result;
}

FL_INLINE float hypot(float x, float y) {
  double a = x, b = y;
  float r = float(sqrt(a * a + b * b));
  return abs(x) == inf<float> || abs(y) == inf<float> ? inf<float> : r;
}
FL_INLINE double hypot(double x, double y) {
  double a = abs(x), b = abs(y);
  double high = a > b ? a : b;
  double down = high > 0x1p500 ? 0x1p-600 : (high < 0x1p-450 ? 0x1p600 : 1.0);
  double up = high > 0x1p500 ? 0x1p600 : (high < 0x1p-450 ? 0x1p-600 : 1.0);
  a *= down;
  b *= down;
  double r = sqrt(a * a + b * b) * up;
  return abs(x) == inf<double> || abs(y) == inf<double> ? inf<double> : r;
}

// ---------------------------------------------------------------- trigonometry

template <class T>
inline constexpr double trig_limit = 1e5;
template <class T>
FL_INLINE bool sin_rare(T x) {
  return !(abs(x) <= T(trig_limit<T>));
}

// x - n pi/2 in double: exact products, as each part has 33 bits and |n| < 2^17.
struct Quadrant {
  double hi, lo;
  int64_t n;
};
FL_INLINE Quadrant reduce_quadrant(double x) {
  constexpr double round = Format<double>::round;
  double shifted = x * 0.63661977236758134308 + round;
  double n = shifted - round;
  double r = x - n * 0x1.921fb54400000p+0;
  double w = n * 0x1.0b4611a600000p-34;
  double t = r - w;  // exact only for small n or |r|, hence the pair
  double lo = ((r - t) - w) - n * 0x1.3198a2e037073p-69;
  double hi = t + lo;
  return {hi, (t - hi) + lo, int64_t(bits(shifted) - bits(round))};
}

FL_INLINE float sin_poly(float r) {
  float z = r * r;
  return r + r * z * poly(z, -0.166666666f, 0.00833332927f, -0.000198392961f, 2.71793949e-06f);
}
FL_INLINE float cos_poly(float r) {
  float z = r * r;
  return 1.0f + z * (-0.5f + z * poly(z, 0.0416666666f, -0.00138888836f, 2.47994786e-05f, -2.72067883e-07f));
}
FL_INLINE double sin_poly(double r, double lo) {
  double z = r * r;
  double tail = poly(z, -0.16666666666666666, 0.0083333333333333228, -0.00019841269841254405, 2.7557319213838438e-06,
                     -2.5052104818059257e-08, 1.6058354495932068e-10, -7.5780866088691845e-13);
  return r + (r * z * tail + lo * (1 - 0.5 * z));
}
FL_INLINE double cos_poly(double r, double lo) {
  double z = r * r;
  double tail = poly(z, 0.041666666666666664, -0.0013888888888888874, 2.4801587301570747e-05, -2.7557319215049172e-07,
                     2.0876754291711539e-09, -1.1470284729351581e-11, 4.7377203265093685e-14);
  double half = 0.5 * z;
  double w = 1 - half;
  return w + (((1 - w) - half) + (z * z * tail - r * lo));
}

// sin(x + offset * pi/2) for offset 0 or 1
FL_INLINE float sin_shifted(float x, int offset) {
  auto [hi, lo, n] = reduce_quadrant(double(x));
  float r = float(hi);
  uint32_t q = uint32_t(n) + uint32_t(offset);
  float y = q & 1u ? cos_poly(r) : sin_poly(r);
  return from_bits<float>(bits(y) ^ ((q & 2u) << 30));
}
FL_INLINE double sin_shifted(double x, int offset) {
  auto [hi, lo, n] = reduce_quadrant(x);
  uint64_t q = uint64_t(n) + uint64_t(offset);
  double y = q & 1u ? cos_poly(hi, lo) : sin_poly(hi, lo);
  return from_bits<double>(bits(y) ^ ((q & 2u) << 62));
}
template <class T>
FL_INLINE T sin(T x) {
  T y = sin_shifted(x, 0);
  return x == T(0) ? x : y;
}
template <class T>
FL_INLINE T cos(T x) {
  return sin_shifted(x, 1);
}
FL_INLINE float tan(float x) {
  auto [hi, lo, n] = reduce_quadrant(double(x));
  float r = float(hi), z = r * r;
  float tail =
      r * z *
      poly(z, 0.33333353f, 0.133325564f, 0.0540717085f, 0.0212225938f, 0.0109876785f, -0.00010038324f, 0.00446893834f);
  float t = r + (tail + float(hi - double(r)));
  float y = uint32_t(n) & 1u ? -1.0f / t : t;
  return x == 0 ? x : y;
}
FL_INLINE double tan(double x) {
  auto [hi, lo, n] = reduce_quadrant(x);
  double s = sin_poly(hi, lo), c = cos_poly(hi, lo);
  double y = uint64_t(n) & 1u ? -c / s : s / c;
  return x == 0 ? x : y;
}
template <class T>
inline T sin_slow(T x) {
  return T(std::sin(double(x)));
}
template <class T>
inline T cos_slow(T x) {
  return T(std::cos(double(x)));
}
template <class T>
inline T tan_slow(T x) {
  return T(std::tan(double(x)));
}

FL_INLINE float asin_tail(float z) {
  return z * poly(z, 0.166666599f, 0.0750051034f, 0.0445158182f, 0.0318169175f, 0.014404771f, 0.0375627466f);
}
FL_INLINE double asin_tail(double z) {
  return z * poly(z, 0.16666666666666763, 0.074999999999702693, 0.044642857175115049, 0.030381942683870775,
                  0.022372215653605892, 0.017351600206077747, 0.013980960141230236, 0.011397786281577267,
                  0.010786473559283857, 0.0036832437241887889, 0.021763026573398556, -0.021076648213306608,
                  0.032676501821532936);
}
template <class T>
inline constexpr Pair<T> half_pi = is_float<T> ? Pair<T>{T(1.57079637050628662109375), T(-4.37113900018624283e-8)}
                                               : Pair<T>{T(1.57079632679489655800), T(6.12323399573676603587e-17)};
template <class T>
FL_INLINE T asin(T x) {
  T a = abs(x);
  bool big = a > T(0.5);
  T z = big ? (T(1) - a) * T(0.5) : a * a;
  T r = big ? sqrt(z) : a;
  T t = r * asin_tail(z);
  // 2 sqrt(z) loses half a unit, which matters near pi/2: the error of the root goes in as a correction.
  auto [sq, err] = square_exact(r);
  T fix = big && z > T(0) ? ((z - sq) - err) / (T(2) * r) : T(0);
  T y = big ? half_pi<T>.hi - (T(2) * r - (half_pi<T>.lo - T(2) * (fix + t))) : r + t;
  return copysign(y, x);
}
template <class T>
FL_INLINE T acos(T x) {
  T a = abs(x);
  bool big = a > T(0.5);
  T z = big ? (T(1) - a) * T(0.5) : a * a;
  T r = big ? sqrt(z) : x;
  T t = r * asin_tail(z);
  auto [sq, err] = square_exact(r);
  T fix = big && z > T(0) ? ((z - sq) - err) / (T(2) * r) : T(0);
  T near_one = T(2) * (r + (fix + t));
  T near_minus_one = T(2) * (half_pi<T>.hi - (r - (half_pi<T>.lo - (fix + t))));
  T middle = half_pi<T>.hi - (r - (half_pi<T>.lo - t));
  return big ? (x < T(0) ? near_minus_one : near_one) : middle;
}

FL_INLINE float atan_tail(float z) {
  return z * poly(z, -0.333332991f, 0.199985485f, -0.142642434f, 0.109521942f, -0.0840347322f, 0.0579579597f,
                  -0.03117819f, 0.0109147815f, -0.0017936593f);
}
FL_INLINE double atan_tail(double z) {
  return z * poly(z, -0.33333333333333071, 0.19999999999951443, -0.14285714282574105, 0.11111111006999846,
                  -0.090909070025894226, 0.076922798352949601, -0.06666404029989037, 0.058805276771332363,
                  -0.052535180451496147, 0.047223208047568944, -0.042191759747528208, 0.036641863149600919,
                  -0.029903800965155498, 0.021984802554136183, -0.013900528972498463, 0.0071964917703640496,
                  -0.0028849174907223029, 0.00083132306923931244, -0.00015216143525088828, 1.3225160251903059e-05);
}
template <class T>
FL_INLINE T atan(T x) {
  T a = abs(x);
  bool inverse = a > T(1);
  T r = inverse ? T(1) / a : a;
  T t = r * atan_tail(r * r);
  T y = inverse ? half_pi<T>.hi - (r - (half_pi<T>.lo - t)) : r + t;
  return copysign(y, x);
}
template <class T>
FL_INLINE T atan2(T y, T x) {
  // A quotient may leave float's range before the angle does, so divide in double there.
  double ay = abs(y), ax = abs(x);
  bool steep = ay > ax;
  double high = steep ? ay : ax, low = steep ? ax : ay;
  double q = low / high;
  q = high == 0 ? 0.0 : q;
  q = low == inf<double> ? 1.0 : q;
  T r = T(q);
  T t = r * atan_tail(r * r) + T(q - double(r));
  // The angle is base + r + t, or base - (r + t).
  bool left = bits(x) & sign_mask<T>;
  T base = steep ? half_pi<T>.hi : (left ? 2 * half_pi<T>.hi : T(0));
  T base_lo = steep ? half_pi<T>.lo : (left ? 2 * half_pi<T>.lo : T(0));
  T angle = steep != left ? base - (r - (base_lo - t)) : base + (r + (base_lo + t));
  angle = x != x || y != y ? nan<T> : angle;
  return copysign(angle, y);
}

// ---------------------------------------------------------------- hyperbolic

FL_INLINE float sinh(float x) {
  double a = abs(x);
  auto [r, power] = reduce_exp(at_most(a, 100.0));
  double e = (1 + r * (1 + r * exp_tail(float(r)))) * power;
  float big = float(0.5 * (e - 1 / e));
  float small = abs(x), z = small * small;
  small += small * z * poly(z, 0.166666672f, 0.00833301712f, 0.000199768899f);
  float y = a < 0.5 ? small : big;
  return x != x ? x : copysign(y, x);
}
FL_INLINE double sinh(double x) {
  double a = abs(x), half = exp_scaled<-1>(a);
  double e = expm1(at_most(a, 30.0));
  double y = a < 25 ? 0.5 * (e + e / (e + 1)) : half;
  return copysign(y, x);
}

template <class T>
FL_INLINE T cosh(T x) {
  T half = exp_scaled<-1>(abs(x));
  return half + T(0.25) / half;
}

template <class T>
FL_INLINE T tanh(T x) {
  T a = at_most(abs(x), is_float<T> ? T(10) : T(20));
  auto [r, power] = reduce_exp(a + a);
  T e = r * r * exp_tail(r) + r;
  T m = power * e + (power - T(1));  // expm1(2 a)
  return copysign(m / (m + T(2)), x);
}

FL_INLINE float asinh(float x) {
  double a = abs(x);
  float big = float(log(a + sqrt(a * a + 1)));
  float small = abs(x), z = small * small;
  small += small * z * poly(z, -0.166666668f, 0.0749994577f, -0.0445868033f, 0.0297297f, -0.0181f);
  float y = a < 0.25 ? small : big;
  return copysign(y, x);
}
FL_INLINE double asinh(double x) {
  double a = abs(x), sq = a * a;
  bool large = a > 0x1p28;
  double y = log1p(large ? a - 1 : a + sq / (1 + sqrt(1 + sq))) + (large ? 0.69314718055994530942 : 0.0);
  return copysign(y, x);
}
FL_INLINE float acosh(float x) {
  double a = double(x) - 1;
  float y = float(log1p(a + sqrt(a * (a + 2))));
  return x < 1 ? nan<float> : y;
}
FL_INLINE double acosh(double x) {
  double a = x - 1;
  bool large = x > 0x1p28;
  double y = log1p(large ? a : a + sqrt(a * (a + 2))) + (large ? 0.69314718055994530942 : 0.0);
  return x < 1 ? nan<double> : y;
}
template <class T>
FL_INLINE T atanh(T x) {
  T a = abs(x);
  T y = T(0.5) * log1p((a + a) / (T(1) - a));
  return copysign(a > T(1) ? nan<T> : y, x);
}

// ---------------------------------------------------------------- remainders

// Where the quotient has too many bits for the fast way.
FL_INLINE bool fmod_rare(float x, float y) { return !(abs(double(x)) < abs(double(y)) * 0x1p28); }
FL_INLINE float fmod(float xf, float yf) {
  double x = abs(double(xf)), y = abs(double(yf));
  double r = x - trunc(x / y) * y;
  r = r < 0 ? r + y : r;  // the quotient was rounded up to an integer
  r = y == inf<double> ? x : r;
  return copysign(float(r), xf);
}
#ifdef __FMA__
FL_INLINE bool fmod_rare(double x, double y) { return !(abs(x) < abs(y) * 0x1p52) || !(abs(y) > 0x1p-960); }
FL_INLINE double fmod(double xs, double ys) {
  double x = abs(xs), y = abs(ys);
  double r = __builtin_fma(-trunc(x / y), y, x);
  r = r < 0 ? r + y : r;
  r = y == inf<double> ? x : r;
  return copysign(r, xs);
}
#else
inline bool fmod_rare(double, double) { return false; }
inline double fmod(double x, double y) { return std::fmod(x, y); }
#endif
template <class T>
inline T fmod_slow(T x, T y) {
  return std::fmod(x, y);
}

// Python's x % y: the sign of y.
template <class T>
FL_INLINE T remainder_from_fmod(T m, T y) {
  return m != T(0) && (y < T(0)) != (m < T(0)) ? m + y : m;
}
// Python's x // y from fmod's result, exact where x / y would round up to an integer.
template <class T>
FL_INLINE T floor_divide_from_fmod(T x, T y, T m) {
  T q = (x - m) / y;
  q = m != T(0) && (y < T(0)) != (m < T(0)) ? q - T(1) : q;
  T f = floor(q);
  f = q - f > T(0.5) ? f + T(1) : f;
  f = q == T(0) ? copysign(T(0), x / y) : f;
  return y == T(0) ? x / y : f;
}

// ---------------------------------------------------------------- sigmoids

// Of x and of -x.
template <class T>
FL_INLINE Pair<T> sigmoids(T x) {
  T e = exp(-abs(x)), sum = T(1) + e;
  return {where_less(x, T(0), e, T(1)) / sum, where_less(x, T(0), T(1), e) / sum};
}
template <class T>
FL_INLINE T sigmoid(T x) {
  return sigmoids(x).hi;
}
template <class T>
FL_INLINE T log_sigmoid(T x) {
  return at_most(x, T(0)) - log1p(exp(-abs(x)));
}
template <class T>
FL_INLINE T silu(T x) {
  return x * sigmoid(x);
}
// log(1 + exp(x))
template <class T>
FL_INLINE T softplus(T x) {
  return at_least(x, T(0)) + log1p(exp(-abs(x)));
}
// x tanh(softplus(x)) = x n / (n + 2) with n = e^x (e^x + 2)
template <class T>
FL_INLINE T mish(T x) {
  T e = exp(at_most(x, is_float<T> ? T(30) : T(60)));
  T n = e * (e + T(2));
  return x * (n / (n + T(2)));
}

// ---------------------------------------------------------------- the error function

// erfc(x) exp(x^2) for 0 <= x, to 10 in float and 27 in double. All coefficients are positive: nothing cancels.
FL_INLINE float erfcx_positive(float x) {
  float p = poly(x, 1.00000001f, 1.24090837f, 0.734224857f, 0.230469615f, 0.0330595919f);
  return p / poly(x, 1.0f, 2.36928815f, 2.40767045f, 1.33026125f, 0.408521967f, 0.0585959435f);
}
FL_INLINE double erfcx_positive(double x) {
  double p =
      poly(x, 1., 2.1914482425941988, 2.3757213773077956, 1.636243953629247, 0.78129721330450075, 0.26712856509940958,
           0.065390326782250985, 0.011088953545388433, 0.0011911130059632038, 6.2645233213403918e-05);
  return p / poly(x, 1., 3.3198274096896969, 5.1217454647549481, 4.8479402035873536, 3.1272158693380168,
                  1.4417082596635604, 0.48324486863502525, 0.11695693280687559, 0.019710176309675441,
                  0.0021111928342343665, 0.00011103578485030544);
}

FL_INLINE float erf(float x) {
  float a = abs(x), z = a * a;
  float small = a + a * poly(z, 0.128379167f, -0.376126258f, 0.112835852f, -0.0268538146f, 0.00518833048f,
                             -0.00080102027f, 7.85384983e-05f);
  float b = at_most(a, 4.5f);
  float big = 1.0f - exp_negative(-(b * b)) * erfcx_positive(b);
  return copysign(a < 1.0f ? small : big, x);
}
FL_INLINE double erf(double x) {
  double a = abs(x), z = a * a;
  double small =
      a + a * poly(z, 0.1283791670955126, -0.37612638903183521, 0.112837916709442, -0.026866170643113415,
                   0.005223977606130842, -0.00085483259297662443, 0.0001205529358693695, -1.4924712439534813e-05,
                   1.6447132699786613e-06, -1.6206318752969155e-07, 1.3710988704190316e-08, -7.7794629717612372e-10);
  double b = at_most(a, 6.5);
  double big = 1.0 - exp_negative(-(b * b)) * erfcx_positive(b);
  return copysign(a < 1.0 ? small : big, x);
}
FL_INLINE double erfc(double x) {
  double a = at_most(abs(x), 27.5);
  auto [sq, err] = square_exact(a);
  double y = exp(-sq) * (1 - err) * erfcx_positive(a);
  return x < 0 ? 2.0 - y : y;
}
// In double, as the last steps amplify the rounding of the square.
FL_INLINE float erfc(float x) {
  double a = at_most(abs(x), 10.5f);
  auto [r, power] = reduce_exp(-a * a);
  double p = poly(a, 1.00000001, 1.24090837, 0.734224857, 0.230469615, 0.0330595919);
  double q = poly(a, 1.0, 2.36928815, 2.40767045, 1.33026125, 0.408521967, 0.0585959435);
  double y = (1 + r * (1 + r * exp_tail(float(r)))) * power * (p / q);
  return float(x < 0 ? 2.0 - y : y);
}

// erfcx(x / sqrt(2)) / 2
template <class T>
FL_INLINE T half_erfcx(T x) {
  if constexpr (is_float<T>) {
    T p = poly(x, 0.500000005f, 0.438727362f, 0.183556214f, 0.0407416569f, 0.00413244899f);
    return p / poly(x, 1.0f, 1.67533972f, 1.20383523f, 0.470318375f, 0.102130492f, 0.0103583972f);
  } else {
    return T(0.5) * erfcx_positive(x * T(0.70710678118654752440));
  }
}
// exp(-x^2 / 2), zero where that is below the smallest normal number.
template <class T>
FL_INLINE T exp_half_square(T x) {
  auto [square, error] = square_exact(x);
  return exp_negative(T(-0.5) * square, T(-0.5) * error);
}

// The normal distribution function, relatively accurate in the lower tail, and its derivative.
template <class T>
struct Normal {
  T cdf, density;
};
template <class T>
FL_INLINE Normal<T> normal(T x) {
  T a = at_most(abs(x), is_float<T> ? T(14) : T(38.6));
  T e = exp_half_square(a), tail = e * half_erfcx(a);
  return {where_less(x, T(0), tail, T(1) - tail), e * T(0.39894228040143267794)};
}
template <class T>
FL_INLINE T normal_cdf(T x) {
  return normal(x).cdf;
}
template <class T>
FL_INLINE T gelu(T x) {
  return x * normal_cdf(x);
}
// 0.5 x (1 + tanh(u)) = x sigmoid(2 u), u = sqrt(2/pi) (x + 0.044715 x^3)
template <class T>
FL_INLINE T gelu_tanh(T x) {
  return x * sigmoid(x * (T(1) + T(0.044715) * x * x) * T(1.5957691216057307));
}

}  // namespace flambeau::cpu::FL_ISA::math
