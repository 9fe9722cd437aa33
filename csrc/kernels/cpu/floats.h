// Floats by the block: a formula of math.h, written for a number, runs on N vectors of 16 at once. Their instructions
// interleave, which hides the latency of each, and AVX-512 has what makes some functions short: scaling by powers of
// two with IEEE's special cases, and tables of 32 numbers in two registers, so that a function is a polynomial on each
// of 32 intervals, without exp or division. Each lane computes for itself: how a loop is cut never shows.
// Elsewhere `map_run` is a plain loop.
#pragma once
#include "kernels/cpu/math.h"

#define FL_ALWAYS __attribute__((always_inline))  // for lambdas

#ifdef __AVX512DQ__
#include <immintrin.h>

#include "kernels/cpu/tables.h"

namespace flambeau::cpu::FL_ISA::math {

template <int N>
struct Floats {
  __m512 v[N];
  Floats() = default;
  FL_INLINE explicit Floats(double x) {
    for (int i = 0; i < N; i++) v[i] = _mm512_set1_ps(float(x));
  }
};
template <int N>
inline constexpr bool is_float<Floats<N>> = true;

inline constexpr __mmask16 all_lanes = 0xffff;

template <int N, class F>
FL_INLINE Floats<N> each(F vector) {
  Floats<N> y;
#pragma GCC unroll 4
  for (int i = 0; i < N; i++) y.v[i] = vector(i);
  return y;
}
// A block from an expression for its i-th vector.
#define FL_EACH(expression) each<N>([&](int i) FL_ALWAYS { return expression; })

template <int N>
FL_INLINE Floats<N> operator+(Floats<N> a, Floats<N> b) {
  return FL_EACH(a.v[i] + b.v[i]);
}
template <int N>
FL_INLINE Floats<N> operator-(Floats<N> a, Floats<N> b) {
  return FL_EACH(a.v[i] - b.v[i]);
}
template <int N>
FL_INLINE Floats<N> operator*(Floats<N> a, Floats<N> b) {
  return FL_EACH(a.v[i] * b.v[i]);
}
template <int N>
FL_INLINE Floats<N> operator/(Floats<N> a, Floats<N> b) {
  return FL_EACH(a.v[i] / b.v[i]);
}
template <int N>
FL_INLINE Floats<N> operator-(Floats<N> x) {
  return FL_EACH(_mm512_xor_ps(x.v[i], _mm512_set1_ps(-0.0f)));
}
template <int N>
FL_INLINE Floats<N> abs(Floats<N> x) {
  return FL_EACH(_mm512_andnot_ps(_mm512_set1_ps(-0.0f), x.v[i]));
}
// Bits of `sign` where the mask has ones, of x elsewhere.
template <int N>
FL_INLINE Floats<N> copysign(Floats<N> x, Floats<N> sign) {
  const __m512i mask = _mm512_set1_epi32(int(sign_mask<float>));
  return FL_EACH(_mm512_castsi512_ps(
      _mm512_ternarylogic_epi32(mask, _mm512_castps_si512(sign.v[i]), _mm512_castps_si512(x.v[i]), 0xca)));
}
// The instructions give their second operand where one is NaN.
template <int N>
FL_INLINE Floats<N> at_most(Floats<N> x, Floats<N> high) {
  return FL_EACH(_mm512_maskz_min_ps(all_lanes, high.v[i], x.v[i]));
}
template <int N>
FL_INLINE Floats<N> at_least(Floats<N> x, Floats<N> low) {
  return FL_EACH(_mm512_maskz_max_ps(all_lanes, low.v[i], x.v[i]));
}
template <int N>
FL_INLINE Floats<N> where_less(Floats<N> x, Floats<N> bound, Floats<N> y, Floats<N> z) {
  return FL_EACH(_mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.v[i], bound.v[i], _CMP_LT_OQ), z.v[i], y.v[i]));
}
template <int N>
FL_INLINE Floats<N> product_or_zero(Floats<N> a, Floats<N> b) {
  return FL_EACH(_mm512_maskz_mul_ps(_mm512_cmp_ps_mask(b.v[i], __m512{}, _CMP_NEQ_UQ), a.v[i], b.v[i]));
}
// a b + c, a b - c and c - a b, rounded once.
template <int N>
FL_INLINE Floats<N> fma(Floats<N> a, Floats<N> b, Floats<N> c) {
  return FL_EACH(_mm512_fmadd_ps(a.v[i], b.v[i], c.v[i]));
}
template <int N>
FL_INLINE Floats<N> fms(Floats<N> a, Floats<N> b, Floats<N> c) {
  return FL_EACH(_mm512_fmsub_ps(a.v[i], b.v[i], c.v[i]));
}
template <int N>
FL_INLINE Floats<N> fnma(Floats<N> a, Floats<N> b, Floats<N> c) {
  return FL_EACH(_mm512_fnmadd_ps(a.v[i], b.v[i], c.v[i]));
}
template <int N>
FL_INLINE Floats<N> poly(Floats<N>, double c) {
  return Floats<N>(c);
}
template <int N, class... C>
FL_INLINE Floats<N> poly(Floats<N> x, double c, C... rest) {
  return fma(poly(x, rest...), x, Floats<N>(c));
}

// ---------------------------------------------------------------- exponentials

// The integer n nearest to x / ln 2.
template <int N>
FL_INLINE Floats<N> nearest_power(Floats<N> x) {
  const Floats<N> round(Format<float>::round);
  return fma(x, Floats<N>(1.4426950408889634074), round) - round;
}
// x - n ln 2; the first difference is exact.
template <int N>
FL_INLINE Floats<N> without_power(Floats<N> x, Floats<N> n) {
  return fnma(n, Floats<N>(-0x1.05c61p-29), fnma(n, Floats<N>(0x1.62e43p-1), x));
}
// exp(r), |r| <= 0.35
template <int N>
FL_INLINE Floats<N> exp_reduced(Floats<N> r) {
  return poly(r, 1, 1, 0.49999994, 0.16666521, 0.04166839, 0.008368736, 0.0013814558);
}
// e 2^n, where it stands for exp(x): zero below a bound, without computing numbers so small that it takes long.
template <int N>
FL_INLINE Floats<N> scale_above(Floats<N> x, double lowest, Floats<N> e, Floats<N> n) {
  const __m512 bound = _mm512_set1_ps(float(lowest));
  return FL_EACH(_mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x.v[i], bound, _CMP_NLT_UQ), e.v[i], n.v[i]));
}
// Above the upper bound the result is infinite, below the lower one zero.
template <int N>
FL_INLINE Floats<N> exp(Floats<N> x) {
  x = at_most(x, Floats<N>(89));
  Floats<N> n = nearest_power(x);
  return scale_above(x, -103.9721, exp_reduced(without_power(x, n)), n);
}
// Zero where the result is below the smallest normal number.
template <int N>
FL_INLINE Floats<N> exp_negative(Floats<N> x) {
  Floats<N> n = nearest_power(x);
  return scale_above(x, -87.33, exp_reduced(without_power(x, n)), n);
}
// n times the upper part of ln 2 is exact, and so the difference is rounded once, square and all.
template <int N>
FL_INLINE Floats<N> exp_half_square(Floats<N> x) {
  Floats<N> half = x * Floats<N>(-0.5), y = half * x, n = nearest_power(y);
  Floats<N> r = fnma(n, Floats<N>(Format<float>::ln2_lo), fms(half, x, n * Floats<N>(Format<float>::ln2_hi)));
  return scale_above(y, -87.33, exp_reduced(r), n);
}

// ---------------------------------------------------------------- piecewise polynomials

// Numbers of a table, by the last five bits.
template <int N>
FL_INLINE Floats<N> from_table(Floats<N> index, const float (&table)[32]) {
  const __m512 low = _mm512_load_ps(table), high = _mm512_load_ps(table + 16);
  return FL_EACH(_mm512_permutex2var_ps(low, _mm512_castps_si512(index.v[i]), high));
}
// Of the polynomial that belongs to the multiple of `width` nearest to 0 <= x < 31.5 width: its value is first + d
// slope.
template <int N>
struct Piece {
  Floats<N> first, slope, d;
};
template <int N, int terms>
FL_INLINE Piece<N> piece_of(Floats<N> x, double width, const float (&table)[terms][32]) {
  const Floats<N> round(Format<float>::round);
  Floats<N> index = fma(x, Floats<N>(1 / width), round);  // in the low bits
  Floats<N> d = fnma(index - round, Floats<N>(width), x);
  Floats<N> slope = from_table(index, table[terms - 1]);
#pragma GCC unroll 8
  for (int k = terms - 2; k > 0; k--) slope = fma(slope, d, from_table(index, table[k]));
  return {from_table(index, table[0]), slope, d};
}
template <int N>
FL_INLINE Floats<N> tanh(Floats<N> x) {
  auto [first, slope, d] = piece_of(at_most(abs(x), Floats<N>(9.1)), tanh_width, tanh_table);
  return copysign(first + fma(slope, d, d), x);
}
template <int N>
FL_INLINE Floats<N> erf(Floats<N> x) {
  auto [first, slope, d] = piece_of(at_most(abs(x), Floats<N>(4)), erf_width, erf_table);
  return copysign(first + fma(slope, d, d), x);
}

// Whether an element is below the bound.
template <int N>
FL_INLINE bool any_less(Floats<N> x, double bound) {
  unsigned found = 0;
  for (int i = 0; i < N; i++) found |= _mm512_cmp_ps_mask(x.v[i], _mm512_set1_ps(float(bound)), _CMP_LT_OQ);
  return found != 0;
}
// Where an element is in the far tail, `tail` of the block counts there.
template <int N, class Tail>
FL_INLINE Floats<N> with_tail(Floats<N> x, Floats<N> y, Tail tail) {
  if (any_less(x, -gelu_limit)) [[unlikely]]
    y = where_less(x, Floats<N>(-gelu_limit), tail(x), y);
  return y;
}
template <int N>
FL_INLINE Floats<N> gelu(Floats<N> x) {
  Floats<N> a = at_most(abs(x), Floats<N>(gelu_limit));
  auto [first, slope, d] = piece_of(a, gelu_width, normal_tail_table);
  Floats<N> y = fnma(a, fma(slope, d, first), at_least(x, Floats<N>(0)));  // x F(x) = max(x, 0) - |x| F(-|x|)
  return with_tail(x, y, [](Floats<N> x) { return x * normal_cdf(x); });
}
template <int N>
FL_INLINE Floats<N> gelu_derivative(Floats<N> x) {
  auto [first, slope, d] = piece_of(at_most(abs(x), Floats<N>(gelu_limit)), gelu_width, gelu_slope_table);
  Floats<N> below = fma(slope, d, first), y = where_less(x, Floats<N>(0), below, Floats<N>(1) - below);
  return with_tail(x, y, [](Floats<N> x) {
    auto [cdf, density] = normal(x);
    return cdf + product_or_zero(x, density);
  });
}

// ---------------------------------------------------------------- logarithms

// x = 2^k m with 3/4 <= m < 3/2, and m times a factor from a table is 1 + r; `correct` may add to r. The table has the
// logarithms of these factors too, all but exact. The instructions know IEEE's special cases.
template <int N>
struct Logarithm {
  Floats<N> k, table, r, tail;  // k ln 2 + table + r + r^2 tail
};
template <int N, class Correct>
FL_INLINE Logarithm<N> log_parts(Floats<N> x, Correct correct) {
  Floats<N> m = FL_EACH(_mm512_maskz_getmant_ps(all_lanes, x.v[i], _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan));
  Floats<N> k = FL_EACH(_mm512_maskz_getexp_ps(all_lanes, x.v[i]) - _mm512_maskz_getexp_ps(all_lanes, m.v[i]));
  Floats<N> index = FL_EACH(_mm512_castsi512_ps(_mm512_maskz_srli_epi32(all_lanes, _mm512_castps_si512(m.v[i]), 18)));
  Floats<N> factor = from_table(index, log_table[0]);
  Floats<N> r = correct(k, factor, fma(factor, m, Floats<N>(-1)));
  return {k, from_table(index, log_table[1]), r, poly(r, -0.50000125, 0.333368808, -0.244041115)};
}
template <int N, class Correct>
FL_INLINE Floats<N> log_with(Floats<N> x, Correct correct) {
  auto [k, table, r, tail] = log_parts(x, correct);
  Floats<N> lo = fma(r * r, tail, k * Floats<N>(Format<float>::ln2_lo));
  return fma(k, Floats<N>(Format<float>::ln2_hi), table + (r + lo));
}
template <int N>
FL_INLINE Logarithm<N> log_parts(Floats<N> x) {
  return log_parts(x, [](Floats<N>, Floats<N>, Floats<N> r) FL_ALWAYS { return r; });
}
template <int N>
FL_INLINE Floats<N> log(Floats<N> x) {
  return log_with(x, [](Floats<N>, Floats<N>, Floats<N> r) FL_ALWAYS { return r; });
}
// Without k ln 2, times a number c + c_lo.
template <int N>
FL_INLINE Floats<N> log_times(const Logarithm<N>& x, double c, double c_lo, Floats<N> lowest) {
  const Floats<N> hi(c);
  Floats<N> lo = fma(x.table + x.r, Floats<N>(c_lo), lowest);
  return fma(x.table, hi, fma(x.r, hi, fma(x.r * x.r * x.tail, hi, lo)));
}
template <int N>
FL_INLINE Floats<N> log2(Floats<N> x) {
  auto parts = log_parts(x);
  return parts.k + log_times(parts, 0x1.715476p+0, 0x1.4ae0cp-26, Floats<N>(0));
}
template <int N>
FL_INLINE Floats<N> log10(Floats<N> x) {
  auto parts = log_parts(x);  // k times the upper part of log10(2) is exact
  Floats<N> lo = parts.k * Floats<N>(4.605038981195e-06);
  return fma(parts.k, Floats<N>(0.301025390625), log_times(parts, 0x1.bcb7b2p-2, -0x1.5b235ep-27, lo));
}
// The sum 1 + x as u and what rounding lost, which matters while u is near 1.
template <int N>
FL_INLINE Floats<N> log1p(Floats<N> x) {
  const __m512 big = _mm512_set1_ps(0x1p30f);
  Floats<N> one(1), u = x + one, low = u - one;
  Floats<N> rest = FL_EACH(_mm512_maskz_sub_ps(_mm512_cmp_ps_mask(x.v[i], big, _CMP_LT_OQ), x.v[i], low.v[i]));
  Floats<N> y = log_with(u, [&](Floats<N> k, Floats<N> factor, Floats<N> r) FL_ALWAYS {
    Floats<N> down = at_least(at_most(-k, Floats<N>(30)), Floats<N>(-30));
    return fma(factor, FL_EACH(_mm512_maskz_scalef_ps(all_lanes, rest.v[i], down.v[i])), r);
  });
  return FL_EACH(_mm512_mask_mov_ps(y.v[i], _mm512_cmp_ps_mask(x.v[i], __m512{}, _CMP_EQ_OQ), x.v[i]));
}

// ---------------------------------------------------------------- trigonometry

// sin(x + offset pi / 2) for |x| up to trig_limit. Pi is a sum of three floats; the first difference is exact.
template <int N>
FL_INLINE Floats<N> sin_shifted(Floats<N> x, int offset) {
  const Floats<N> round(Format<float>::round + float(offset));
  Floats<N> quadrant = fma(x, Floats<N>(0.63661977236758134308), round), n = quadrant - round;  // in the low bits
  Floats<N> r = fnma(n, Floats<N>(-0x1.777a5cp-25), fnma(n, Floats<N>(0x1.921fb6p+0), x));
  r = fma(n, Floats<N>(0x1.ee59dap-50), r);
  Floats<N> z = r * r;
  Floats<N> s = fma(r * z, poly(z, -0.166666666, 0.00833332927, -0.000198392961, 2.71793949e-06), r);
  Floats<N> c = poly(z, 1, -0.5, 0.0416666666, -0.00138888836, 2.47994786e-05, -2.72067883e-07);
  const __m512i one = _mm512_set1_epi32(1), sign = _mm512_set1_epi32(int(sign_mask<float>));
  return FL_EACH(([&] {
    const __m512i q = _mm512_castps_si512(quadrant.v[i]);
    const __m512 y = _mm512_mask_blend_ps(_mm512_test_epi32_mask(q, one), s.v[i], c.v[i]);
    const __m512i turned = _mm512_maskz_slli_epi32(all_lanes, q, 30);
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(_mm512_castps_si512(y), turned, sign, 0x78));  // y ^ (turned & sign)
  }()));
}
template <int N>
FL_INLINE Floats<N> sin(Floats<N> x) {
  Floats<N> y = sin_shifted(x, 0);
  return FL_EACH(_mm512_mask_mov_ps(y.v[i], _mm512_cmp_ps_mask(x.v[i], __m512{}, _CMP_EQ_OQ), x.v[i]));
}
template <int N>
FL_INLINE Floats<N> cos(Floats<N> x) {
  return sin_shifted(x, 1);
}
// The remainder is a sum of two numbers here.
template <int N>
FL_INLINE Floats<N> tan(Floats<N> x) {
  const Floats<N> round(Format<float>::round), middle(0x1.777a5cp-25);
  Floats<N> quadrant = fma(x, Floats<N>(0.63661977236758134308), round), n = quadrant - round;
  Floats<N> first = fnma(n, Floats<N>(0x1.921fb6p+0), x), step = n * middle, r = first + step;
  Floats<N> lost = fms(n, middle, step) - ((r - first) - step);
  Floats<N> lo = fma(n, Floats<N>(0x1.ee59dap-50), lost), z = r * r;
  Floats<N> tail =
      poly(z, 0.33333353, 0.133325564, 0.0540717085, 0.0212225938, 0.0109876785, -0.00010038324, 0.00446893834);
  Floats<N> t = r + fma(r * z, tail, lo);
  const __m512i one = _mm512_set1_epi32(1);
  const __m512 minus = _mm512_set1_ps(-1.0f);
  return FL_EACH(([&] {
    const __mmask16 odd = _mm512_test_epi32_mask(_mm512_castps_si512(quadrant.v[i]), one);
    const __m512 y = _mm512_mask_div_ps(t.v[i], odd, minus, t.v[i]);
    return _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(x.v[i], __m512{}, _CMP_EQ_OQ), x.v[i]);
  }()));
}
// With the nearest integer n, sin(pi x) is sin(pi (x - n)), or its negative where n is odd.
template <int N>
FL_INLINE Floats<N> sinc(Floats<N> x) {
  Floats<N> n = FL_EACH(_mm512_maskz_roundscale_ps(all_lanes, x.v[i], _MM_FROUND_TO_NEAREST_INT));
  Floats<N> d = x - n, z = d * d, half = n * Floats<N>(0.5);
  Floats<N> whole = FL_EACH(_mm512_maskz_roundscale_ps(all_lanes, half.v[i], _MM_FROUND_TO_NEAREST_INT));
  Floats<N> y = poly(z, 1, -1.6449331, 0.8117124, -0.1904261, 0.024687681) * d / x;
  return FL_EACH(([&] {
    const __mmask16 odd = _mm512_cmp_ps_mask(half.v[i], whole.v[i], _CMP_NEQ_UQ);
    const __m512 signed_y = _mm512_mask_sub_ps(y.v[i], odd, __m512{}, y.v[i]);
    return _mm512_mask_mov_ps(signed_y, _mm512_cmp_ps_mask(x.v[i], __m512{}, _CMP_EQ_OQ), _mm512_set1_ps(1));
  }()));
}

// ---------------------------------------------------------------- inverse functions

// asin(r + fix) = r + rest, where r is |x| up to 1/2 and the root of z = (1 - |x|) / 2 beyond: asin(|x|) is pi / 2 less
// twice that there. `fix` is what rounding the root lost.
template <int N>
struct Arcsine {
  Floats<N> a, r, rest;
};
template <int N>
FL_INLINE Arcsine<N> arcsine(Floats<N> x) {
  Floats<N> a = abs(x), bound(0.5), z = where_less(bound, a, fnma(a, bound, bound), a * a);
  Floats<N> inverse = FL_EACH(_mm512_maskz_rsqrt14_ps(_mm512_cmp_ps_mask(z.v[i], __m512{}, _CMP_NEQ_UQ), z.v[i]));
  Floats<N> half = inverse * bound, root = z * inverse;
  root = fma(fnma(root, root, z), half, root);
  Floats<N> fix = fnma(root, root, z) * half;
  Floats<N> tail = z * poly(z, 0.166666599, 0.0750051034, 0.0445158182, 0.0318169175, 0.014404771, 0.0375627466);
  Floats<N> r = where_less(bound, a, root, a);
  return {a, r, fma(r, tail, where_less(bound, a, fix, Floats<N>(0)))};
}
template <int N>
FL_INLINE Floats<N> quarter_less(Floats<N> r, Floats<N> rest) {  // pi / 2 - (r + rest)
  return Floats<N>(half_pi<float>.hi) - (r - (Floats<N>(half_pi<float>.lo) - rest));
}
template <int N>
FL_INLINE Floats<N> asin(Floats<N> x) {
  auto [a, r, rest] = arcsine(x);
  return copysign(where_less(Floats<N>(0.5), a, quarter_less(r + r, rest + rest), r + rest), x);
}
template <int N>
FL_INLINE Floats<N> acos(Floats<N> x) {
  auto [a, r, rest] = arcsine(x);
  const Floats<N> zero(0);
  Floats<N> near_one = r + rest, near_minus_one = quarter_less(r, rest);
  Floats<N> far = where_less(x, zero, near_minus_one, near_one);
  return where_less(Floats<N>(0.5), a, far + far, quarter_less(copysign(r, x), copysign(rest, x)));
}

// erfinv(x) for q = 1 - x^2: x times a function of sqrt(1 - log q).
template <int N>
FL_INLINE Floats<N> erfinv_from(Floats<N> x, Floats<N> q) {
  Floats<N> square = Floats<N>(1) - log(q), root = FL_EACH(_mm512_maskz_sqrt_ps(all_lanes, square.v[i]));
  auto [first, slope, d] = piece_of(root - Floats<N>(1), erfinv_width, erfinv_table);
  Floats<N> y = x * fma(slope, d, first), end = copysign(Floats<N>(inf<float>), x);
  return FL_EACH(_mm512_mask_mov_ps(y.v[i], _mm512_cmp_ps_mask(q.v[i], __m512{}, _CMP_EQ_OQ), end.v[i]));
}
template <int N>
FL_INLINE Floats<N> erfinv(Floats<N> x) {
  return erfinv_from(x, fnma(x, x, Floats<N>(1)));
}
template <int N>
FL_INLINE Floats<N> ndtri(Floats<N> p) {
  Floats<N> one(1), twice = p + p;
  return Floats<N>(1.41421356237309504880) * erfinv_from(twice - one, (twice + twice) * (one - p));
}

// ---------------------------------------------------------------- loops

// Where a loop is: a block of N vectors, or the last elements as one vector, zero beyond them. at(x) reads, at.put(y,
// v) writes; `ahead` is how much further on memory is asked for.
template <int N>
struct BlockAt {
  int64_t i, ahead;
  FL_INLINE Floats<N> operator()(const float* x) const {
    for (int k = 0; k < N; k++) __builtin_prefetch(x + i + ahead + 16 * k);
    const int64_t first = this->i;
    return FL_EACH(_mm512_loadu_ps(x + first + 16 * i));
  }
  FL_INLINE void put(float* y, Floats<N> values) const {
    for (int k = 0; k < N; k++) {
      __builtin_prefetch(y + i + ahead + 16 * k, 1);
      _mm512_storeu_ps(y + i + 16 * k, values.v[k]);
    }
  }
};
struct PartAt {
  int64_t i;
  __mmask16 lanes;
  FL_INLINE Floats<1> operator()(const float* x) const {
    Floats<1> y;
    y.v[0] = _mm512_maskz_loadu_ps(lanes, x + i);
    return y;
  }
  FL_INLINE void put(float* y, Floats<1> values) const { _mm512_mask_storeu_ps(y + i, lanes, values.v[0]); }
};

}  // namespace flambeau::cpu::FL_ISA::math
#endif

namespace flambeau::cpu::FL_ISA::math {

template <class T>
struct ElementAt {
  int64_t i;
  FL_INLINE T operator()(const T* x) const { return x[i]; }
  FL_INLINE void put(T* y, T value) const { y[i] = value; }
};

// body(at) for places that cover 0, 1, ..., n - 1, in any order.
template <class T, int N = 4, class Body>
FL_INLINE void for_places(int64_t n, Body body) {
#ifdef __AVX512DQ__
  if constexpr (std::is_same_v<T, float>) {
    const int64_t ahead = n > 4096 ? 128 : 0;
    int64_t i = 0;
    for (; i + 16 * N <= n; i += 16 * N) body(BlockAt<N>{i, ahead});
    for (; i < n; i += 16) body(PartAt{i, n - i < 16 ? __mmask16((1 << (n - i)) - 1) : all_lanes});
    return;
  }
#endif
  _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++) body(ElementAt<T>{i});
}

// y[i] = formula(x[i]...)
template <class T, class Formula, class... In>
FL_INLINE void map_run(T* y, int64_t n, Formula formula, const In*... x) {
  for_places<T>(n, [&](auto at) FL_ALWAYS { at.put(y, formula(at(x)...)); });
}

}  // namespace flambeau::cpu::FL_ISA::math
