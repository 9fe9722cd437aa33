// Special functions. They compute in double, one element at a time where the formula needs a loop; a float result is
// the double one rounded. Chebyshev series were made for this file; each function names the source of its method.
#pragma once
#include "kernels/cpu/math.h"

namespace flambeau::cpu::FL_ISA::math {

inline constexpr double pi = 3.14159265358979323846;

// sum c_k T_k(u), |u| <= 1 (Clenshaw)
template <int n>
FL_INLINE double chebyshev(double u, const double (&c)[n]) {
  double b0 = 0, b1 = 0;
  for (int k = n - 1; k > 0; --k) {
    double b2 = b1;
    b1 = b0;
    b0 = 2 * u * b1 - b2 + c[k];
  }
  return u * b0 - b1 + c[0];
}

// ---------------------------------------------------------------- gamma

inline float lgamma(float x) { return std::lgamma(x); }
inline double lgamma(double x) { return std::lgamma(x); }

// Recurrence up to 10, then Stirling's series; reflection below zero (Abramowitz and Stegun 6.3).
inline double digamma(double x) {
  if (x == 0) return copysign(inf<double>, -x);
  double result = 0;
  if (x < 0) {
    double whole;
    double fraction = std::modf(x, &whole);
    if (fraction == 0) return nan<double>;
    result = -pi / std::tan(pi * fraction);
    x = 1 - x;
  }
  for (; x < 10; x += 1) result -= 1 / x;
  if (x == inf<double>) return x;
  double z = 1 / (x * x);
  double series =
      poly(z, 1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760, 1.0 / 12, -3617.0 / 8160);
  return result + (std::log(x) - 0.5 / x - z * series);
}

// Hurwitz: sum over k >= 0 of (q + k)^-x, by Euler-Maclaurin after 10 terms.
inline double zeta(double x, double q) {
  if (x == 1) return inf<double>;
  if (!(x > 1)) return nan<double>;
  if (q <= 0) {
    if (q == std::floor(q)) return inf<double>;
    if (x != std::floor(x)) return nan<double>;
  }
  if (q == inf<double>) return 0;
  double sum = 0;
  int terms = 0;
  for (; terms < 10 || q < 10; ++terms, q += 1) {
    double term = std::pow(q, -x);
    sum += term;
    if (q > 0 && std::abs(term) < 1e-17 * std::abs(sum)) return sum;
  }
  double power = std::pow(q, -x);
  sum += power * q / (x - 1) + 0.5 * power;
  // B_2k / (2k)! x (x + 1) ... (x + 2k - 2) q^(-x - 2k + 1)
  constexpr double b[] = {1.0 / 12,
                          -1.0 / 720,
                          1.0 / 30240,
                          -1.0 / 1209600,
                          1.0 / 47900160,
                          -691.0 / 1307674368000,
                          1.0 / 74724249600,
                          -3617.0 / 10670622842880000,
                          43867.0 / 5109094217170944000};
  double rising = x, scale = power / q;
  for (int k = 0; k < 9; ++k) {
    double term = b[k] * rising * scale;
    sum += term;
    if (std::abs(term) < 1e-17 * std::abs(sum)) break;
    rising *= (x + 2 * k + 1) * (x + 2 * k + 2);
    scale /= q * q;
  }
  return sum;
}
inline double polygamma(int64_t n, double x) {
  if (n == 0) return digamma(x);
  return (n % 2 ? 1.0 : -1.0) * std::tgamma(double(n) + 1) * zeta(double(n) + 1, x);
}

// ---------------------------------------------------------------- inverses of the error function

// erfc(x) exp(x^2) on the whole line.
inline double erfcx(double x) {
  if (x < 0) return x < -26.7 ? inf<double> : 2 * std::exp(x * x) - erfcx_positive(-x);
  if (x < 27) return erfcx_positive(x);
  double z = 1 / (2 * x * x);
  return 0.56418958354775628695 / x * poly(z, 1.0, -1.0, 3.0, -15.0, 105.0, -945.0);
}

// The x >= 0 with erfc(x) = z, 0 < z <= 1: Winitzki's estimate, then Halley's steps on the relative error.
inline double erfc_inverse(double z) {
  double l = std::log(z * (2 - z));
  double t = 4.3307467508 + 0.5 * l;
  double x = std::sqrt(std::sqrt(t * t - l / 0.147) - t);
  for (int step = 0; step < 3; ++step) {
    double u = (1 - z / std::erfc(x)) * erfcx(x) * 0.88622692545275801365;
    x += u / (1 - x * u);
  }
  return x;
}
inline double erfinv(double y) {
  double a = std::abs(y);
  if (!(a < 1)) return a == 1 ? copysign(inf<double>, y) : nan<double>;
  if (a > 0.5) return copysign(erfc_inverse(1 - a), y);
  double l = std::log1p(-a * a);
  double t = 4.3307467508 + 0.5 * l;
  double x = a < 1e-4 ? a * 0.88622692545275801365 : std::sqrt(std::sqrt(t * t - l / 0.147) - t);
  for (int step = 0; step < 2; ++step) {
    double u = (std::erf(x) - a) * std::exp(x * x) * 0.88622692545275801365;
    x -= u / (1 + x * u);
  }
  return copysign(x, y);
}
// In double, where 1 - |y| >= 2^-24 leaves digits enough on the whole line, and without a branch.
FL_INLINE float erfinv(float y) {
  double a = abs(double(y));
  double l = log1p(-a * a);
  double t = 4.3307467508 + 0.5 * l;
  double x = a < 1e-4 ? a * 0.88622692545275801365 : sqrt(sqrt(t * t - l / 0.147) - t);
  auto halley = [a](double x) {
    double u = (erf(x) - a) * exp(x * x) * 0.88622692545275801365;
    return x - u / (1 + x * u);
  };
  x = halley(halley(x));
  float r = a == 1 ? inf<float> : float(x);
  return a > 1 || a != a ? nan<float> : copysign(r, y);
}
// The quantile of the normal distribution.
inline double ndtri(double p) {
  if (!(p > 0 && p < 1)) return p == 0 ? -inf<double> : (p == 1 ? inf<double> : nan<double>);
  constexpr double root2 = 1.41421356237309504880;
  if (p >= 0.25 && p <= 0.75) return root2 * erfinv(2 * p - 1);
  return p < 0.5 ? -root2 * erfc_inverse(2 * p) : root2 * erfc_inverse(2 * (1 - p));
}
inline double log_ndtr(double x) {
  double t = x * 0.70710678118654752440;
  return x < -1 ? std::log(0.5 * erfcx(-t)) - t * t : std::log1p(-0.5 * std::erfc(t));
}

// ---------------------------------------------------------------- modified Bessel functions
// e^-x I(x) as a Chebyshev series in x / 4 - 1 up to 8, then sqrt(x) e^-x I(x) in 16 / x - 1.

inline constexpr double i0_small[] = {
    0.33839763720473803,    -0.3046826723431984,     0.17162090152220877,    -0.094901097048047639,
    0.049305284239670712,   -0.023737414805899471,   0.010546460394594998,   -0.0043243099950505759,
    0.0016394756169413357,  -0.00057637557453858236, 0.00018850288509584165, -5.754195010082104e-05,
    1.6448448070728896e-05, -4.4167383584587505e-06, 1.1173875391201037e-06, -2.6707938539406119e-07,
    6.0469950225419186e-08, -1.300025009986248e-08,  2.6598237246823866e-09, -5.1897956016352627e-10,
    9.675809035373237e-11,  -1.7268262914415559e-11, 2.9550526631296399e-12, -4.856446783111929e-13,
    7.6761854986049361e-14, -1.1685332877993451e-14, 1.7153912855551331e-15, -2.4312798465479549e-16,
    3.3307945188222384e-17, -4.4153416464793395e-18, 5.6691780069214962e-19};
inline constexpr double i0_large[] = {
    0.40224520550705439,     0.0033691164782556943,   6.8897583469168245e-05,  2.8913705208347567e-06,
    2.0489185894690638e-07,  2.266668990498178e-08,   3.3962320257083865e-09,  4.9406023882249701e-10,
    1.1889147107846439e-11,  -3.1499165279632416e-11, -1.3215811840447713e-11, -1.7941785315068062e-12,
    7.180124451383666e-13,   3.8527783827421426e-13,  1.54008621752141e-14,    -4.1505693472872222e-14,
    -9.5548466988283073e-15, 3.8116806693526224e-15,  1.7725601330565263e-15,  -3.425485619677219e-16,
    -2.8276239805165836e-16, 3.4612228676974612e-17,  4.4656214202967598e-17,  -4.8305044859441819e-18,
    -7.2331804878747538e-18, 9.9214754121736987e-19,  1.193650890845982e-18};
inline constexpr double i1_small[] = {
    0.12629359322181682,    -0.17641651835783406,    0.10264365868984709,    -0.052945981208094989,
    0.024726449030626516,   -0.010564084894626197,   0.0041564229443128882,  -0.0015135724506312532,
    0.00051228595616857576, -0.00016176081582589674, 4.7815651075500542e-05, -1.3273163656039436e-05,
    3.4702513081376785e-06, -8.5687202646954547e-07, 2.0032947535521353e-07, -4.4450591287963281e-08,
    9.3815373864957726e-09, -1.8872497517228294e-09, 3.6255902815521172e-10, -6.6634897235020271e-11,
    1.1736186298890901e-11, -1.9839743977649436e-12, 3.2237933659455748e-13, -5.0421855047279118e-14,
    7.6006842947354077e-15, -1.1055969477353862e-15, 1.5536319577362005e-16, -2.111421214358166e-17,
    2.7779141127610464e-18, -3.5415817725421362e-19};
inline constexpr double i1_large[] = {
    0.38928811750914005,     -0.0097610974913614687,  -0.00011058893876262371, -3.8825648088776906e-06,
    -2.5122362378702088e-07, -2.6314688468895196e-08, -3.835380385964237e-09,  -5.5897434621965838e-10,
    -1.8974958123505413e-11, 3.2526035830154884e-11,  1.4125807436613782e-11,  2.0356285441470896e-12,
    -7.1985517762459084e-13, -4.0835511110921974e-13, -2.1015418427726643e-14, 4.272440016711951e-14,
    1.0420276984128802e-14,  -3.8144030724370075e-15, -1.8803547755107825e-15, 3.3082023109209285e-16,
    2.9626289976459501e-16,  -3.2095259219934238e-17, -4.6503053684893586e-17, 4.4143483230717077e-18,
    7.5172963108421052e-18,  -9.3141788673268842e-19, -1.242193275194891e-18};

FL_INLINE double i0e(double x) {
  double a = abs(x);
  double small = chebyshev(at_most(a, 8.0) / 4 - 1, i0_small);
  double large = chebyshev(16 / at_least(a, 8.0) - 1, i0_large) / sqrt(a);
  return a <= 8 ? small : large;
}
FL_INLINE double i0(double x) {
  double half = exp(0.5 * abs(x));  // e^x may overflow where the result does not
  return i0e(x) * half * half;
}
FL_INLINE double i1e(double x) {
  double a = abs(x);
  double small = a * chebyshev(at_most(a, 8.0) / 4 - 1, i1_small);
  double large = chebyshev(16 / at_least(a, 8.0) - 1, i1_large) / sqrt(a);
  return copysign(a <= 8 ? small : large, x);
}
FL_INLINE double i1(double x) {
  double half = exp(0.5 * abs(x));
  return i1e(x) * half * half;
}

#define FL_FLOAT_FROM_DOUBLE(name) \
  inline float name(float x) { return float(name(double(x))); }
FL_FLOAT_FROM_DOUBLE(digamma)
FL_FLOAT_FROM_DOUBLE(erfcx)
FL_FLOAT_FROM_DOUBLE(ndtri)
FL_FLOAT_FROM_DOUBLE(log_ndtr)
FL_FLOAT_FROM_DOUBLE(i0)
FL_FLOAT_FROM_DOUBLE(i0e)
FL_FLOAT_FROM_DOUBLE(i1)
FL_FLOAT_FROM_DOUBLE(i1e)
#undef FL_FLOAT_FROM_DOUBLE
inline float zeta(float x, float q) { return float(zeta(double(x), double(q))); }
inline float polygamma(int64_t n, float x) { return float(polygamma(n, double(x))); }

// ---------------------------------------------------------------- combinations

template <class T>
FL_INLINE T xlogy(T x, T y) {
  T r = x * log(y);
  r = x == T(0) ? T(0) : r;
  return y != y ? y : r;
}
template <class T>
FL_INLINE T xlog1py(T x, T y) {
  T r = x * log1p(y);
  r = x == T(0) ? T(0) : r;
  return y != y ? y : r;
}
template <class T>
FL_INLINE T entr(T x) {
  T r = -x * log(x);
  r = x == T(0) ? T(0) : r;
  return x < T(0) ? -inf<T> : r;
}
template <class T>
FL_INLINE T logit(T x) {
  return log(x / (T(1) - x));
}
inline float sinc(float x) { return x == 0 ? 1.0f : float(std::sin(pi * x) / (pi * x)); }
inline double sinc(double x) { return x == 0 ? 1.0 : std::sin(pi * x) / (pi * x); }

template <class T>
FL_INLINE T logaddexp(T a, T b) {
  T high = a > b ? a : b, low = a > b ? b : a;
  T r = high + log1p(exp(low - high));
  r = high == low && abs(high) == inf<T> ? high : r;
  return a != a || b != b ? a + b : r;
}
template <class T>
FL_INLINE T logaddexp2(T a, T b) {
  T high = a > b ? a : b, low = a > b ? b : a;
  T r = high + log1p(exp2(low - high)) * T(1.4426950408889634074);
  r = high == low && abs(high) == inf<T> ? high : r;
  return a != a || b != b ? a + b : r;
}
inline float nextafter(float a, float b) { return std::nextafter(a, b); }
inline double nextafter(double a, double b) { return std::nextafter(a, b); }

}  // namespace flambeau::cpu::FL_ISA::math
