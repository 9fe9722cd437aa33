// Derivatives of pointwise primitives that are more than a formula. Included by ops/pointwise.cpp alone.
// Where a fused kernel exists it is used unless the derivative itself is to be differentiated.
#pragma once
#include "ops/ops.h"

namespace flambeau::ops {

namespace {

constexpr double kLn2 = 0.69314718055994530942, kLn10 = 2.30258509299404568402;

Tensor in_range(const Tensor& x, const Tensor& low, const Tensor& high) { return logical_and(ge(x, low), le(x, high)); }
Tensor times_i(const Tensor& x) { return mul(x, weak_scalar(std::complex<double>(0, 1))); }

// g without what points along y, over |x|
Tensor sgn_derivative(const Tensor& g, const Tensor& x, const Tensor& y) {
  if (!is_complex(x.dtype())) return zeros_like(g);
  Tensor size = abs(x);
  Tensor across = g - y * real_(conj(y) * g);
  return where(eq(size, 0.0), 0.0, across / size);
}

Tensor angle_derivative(const Tensor& g, const Tensor& x) {
  if (!is_complex(x.dtype())) return zeros_like(g);
  Tensor size = abs(x);
  return where(eq(size, 0.0), 0.0, times_i(x) * (g / (size * size)));
}

Tensor pow_base_derivative(const Tensor& g, const Tensor& a, const Tensor& b) {
  return where(eq(b, 0.0), 0.0, g * conj(b * pow(a, b - 1.0)));
}
Tensor pow_exponent_derivative(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& y) {
  Tensor zero = eq(a, 0.0);
  if (!is_complex(b.dtype())) zero = logical_and(zero, ge(b, 0.0));
  return where(zero, 0.0, g * conj(y * log(a)));
}

Tensor logaddexp_derivative(const Tensor& g, const Tensor& a, const Tensor& b) {
  if (is_complex(a.dtype())) return g * conj(exp(a - logaddexp(a, b)));  // the sigmoid of complex numbers overflows
  return g * sigmoid(a - b);
}
Tensor xlogy_derivative(const Tensor& g, const Tensor& a, const Tensor& b) {
  return where(logical_and(eq(a, 0.0), le(b, 0.0)), 0.0, g * log(b));
}

// Of maximum(a, b) in a, or of minimum(a, b) in b. Ties share the gradient.
Tensor maximum_derivative(const Tensor& g, const Tensor& a, const Tensor& b) {
  return where(lt(a, b), 0.0, where(eq(a, b), 0.5 * g, g));
}
Tensor takes_first(const Tensor& wins, const Tensor& b) { return logical_or(wins, isnan(b)); }

Tensor relu_derivative(const Tensor& g, const Tensor& y) { return relu_backward(g, y); }
Tensor sigmoid_derivative(const Tensor& g, const Tensor& y) {
  return is_complex(y.dtype()) ? g * conj((1.0 - y) * y) : sigmoid_backward(g, y);
}
Tensor tanh_derivative(const Tensor& g, const Tensor& y) {
  return is_complex(y.dtype()) ? g * conj(1.0 - y * y) : tanh_backward(g, y);
}
Tensor silu_derivative(const Tensor& g, const Tensor& x) {
  if (!grad_enabled() && !is_complex(x.dtype())) return silu_backward(g, x);
  Tensor s = sigmoid(x);
  return g * conj(s * (1.0 + x * (1.0 - s)));
}
Tensor mish_derivative(const Tensor& g, const Tensor& x) {
  Tensor s = sigmoid(x), t = tanh(softplus(x, {1.0, 20.0}));
  return g * (t + x * s * (1.0 - t * t));
}
Tensor gelu_derivative(const Tensor& g, const Tensor& x) {
  if (!grad_enabled()) return gelu_backward(g, x);
  return g * (ndtr(x) + 0.39894228040143267794 * x * exp(-0.5 * (x * x)));
}
Tensor gelu_tanh_derivative(const Tensor& g, const Tensor& x) {
  if (!grad_enabled()) return gelu_tanh_backward(g, x);
  constexpr double k = 1.5957691216057307;
  Tensor s = sigmoid(k * x * (1.0 + 0.044715 * (x * x)));
  return g * (s + x * s * (1.0 - s) * (k + 3 * 0.044715 * k * (x * x)));
}
Tensor elu_derivative(const Tensor& g, const Tensor& x, const double* p) {
  Tensor below = minimum(x, number(0.0));  // no exponential of the other side, which may overflow
  return where(le(x, 0.0), (p[0] * p[1] * p[2]) * g * exp(p[2] * below), p[1] * g);
}
Tensor hardswish_derivative(const Tensor& g, const Tensor& x) {
  Tensor inside = g * (x * (1.0 / 3) + 0.5);
  return where(le(x, -3.0), 0.0, where(lt(x, 3.0), inside, g));
}
Tensor sinc_derivative(const Tensor& g, const Tensor& x) {
  constexpr double pi = 3.14159265358979323846;
  Tensor z = pi * x;
  return g * conj(where(eq(x, 0.0), 0.0, (z * cos(z) - sin(z)) / (z * x)));
}

}  // namespace

}  // namespace flambeau::ops
