// Random ops. What is drawn, in which order and from how many bits is torch's; how it is computed is ours.
#include "ops/random.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "core/kernels.h"
#include "ops/samplers.h"

namespace flambeau::ops {

namespace {

// Nothing flows back into what was overwritten.
void no_gradient(Backward&) {}
#define FL_INPLACE_OP(name) \
  const Op name##op { #name, no_gradient }
FL_INPLACE_OP(uniform_);
FL_INPLACE_OP(normal_);
FL_INPLACE_OP(random_);
FL_INPLACE_OP(bernoulli_);
FL_INPLACE_OP(exponential_);
FL_INPLACE_OP(geometric_);
FL_INPLACE_OP(cauchy_);
FL_INPLACE_OP(log_normal_);
#undef FL_INPLACE_OP

const RandomKernels& kernels() { return cpu_kernels().random; }

// The same elements with dimensions in the order of their strides: a walk through it goes through memory.
Tensor memory_order(const Tensor& t) {
  if (t.is_contiguous()) return t;
  Dims order(t.ndim(), 0), shape, strides;
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return t.stride(a) > t.stride(b); });
  for (int64_t d : order) {
    shape.push_back(t.size(d));
    strides.push_back(t.stride(d));
  }
  return alias(t, std::move(shape), std::move(strides), t->offset);
}

Tensor real_view(const Tensor& t) {
  Dims shape = t.shape(), strides = t.strides();
  for (int64_t& s : strides) s *= 2;
  shape.push_back(2);
  strides.push_back(1);
  Tensor out = alias(t, shape, strides, 2 * t->offset);
  out->dtype = real_type(t.dtype());
  return out;
}

// Calls fill(pointer to numel elements of `tile`) and has them end up in `self`, in the order of memory.
template <class Fill>
void sample(const Tensor& self, DType tile, Fill fill) {
  if (self.numel() == 0 || !self.device().is_cpu()) return;
  Tensor ordered = memory_order(self);
  if (ordered.is_contiguous() && self.dtype() == tile) {
    fill(ordered.raw());
    return;
  }
  Tensor drawn = empty(ordered.shape(), tile);
  fill(drawn.raw());
  cpu_kernels().pointwise.copy(ordered, drawn);
}

// One number at a time, in double.
template <class Draw>
void sample_each(const Tensor& self, Draw draw) {
  sample(self, DType::Float64, [&](void* out) {
    auto* values = static_cast<double*>(out);
    for (int64_t i = 0; i < self.numel(); i++) values[i] = draw();
  });
}

bool is_real_float(DType t) { return t == DType::Float32 || t == DType::Float64 || is_reduced(t); }
bool is_common(DType t) {
  return is_real_float(t) || (is_integral(t) && t != DType::UInt16 && t != DType::UInt32 && t != DType::UInt64);
}

[[noreturn]] void not_implemented(const char* op, const char* what, DType t) {
  FL_FAIL(NotImplemented, op, "\"", what, "\" not implemented for '", info(t).title, "'");
}

void need_float(const char* op, const char* what, DType t) {
  if (!is_real_float(t)) not_implemented(op, what, t);
}

double largest(DType t) {
  switch (t) {
    case DType::Float64:
      return std::numeric_limits<double>::max();
    case DType::Float16:
      return 65504.0;
    case DType::BFloat16:
      return 0x1.fep127;
    default:
      return std::numeric_limits<float>::max();
  }
}

}  // namespace

// ---- uniform

namespace {

// A value that rounds up to the upper bound becomes the lower one.
template <class Half>
void reopen(float* values, int64_t n, float from, float to) {
  Half top(to);
  for (int64_t i = 0; i < n; i++)
    if (static_cast<float>(Half(values[i])) == static_cast<float>(top)) values[i] = from;
}

void fill_uniform(const Tensor& self, double from, double to, Generator& generator) {
  int64_t n = self.numel();
  if (self.dtype() == DType::Float64) {
    sample(self, DType::Float64,
           [&](void* out) { kernels().uniform_double(generator, static_cast<double*>(out), n, from, to); });
    return;
  }
  sample(self, DType::Float32, [&](void* out) {
    auto* values = static_cast<float*>(out);
    float low = static_cast<float>(from), high = static_cast<float>(to);
    kernels().uniform_float(generator, values, n, low, high);
    if (self.dtype() == DType::Float16) reopen<Float16>(values, n, low, high);
    if (self.dtype() == DType::BFloat16) reopen<BFloat16>(values, n, low, high);
  });
}

}  // namespace

Tensor uniform_(const Tensor& self, double from, double to, Generator& generator) {
  DType type = real_type(self.dtype());
  need_float("uniform_", "check_uniform_bounds", type);
  double limit = largest(type);
  FL_CHECK(from >= -limit && from <= limit, Runtime, "uniform_", "from is out of bounds for ", name(type), ", got ",
           from);
  FL_CHECK(to >= -limit && to <= limit, Runtime, "uniform_", "to is out of bounds for ", name(type), ", got ", to);
  FL_CHECK(from <= to, Runtime, "uniform_", "uniform_ expects to return a [from, to) range, but found from=", from,
           " > to=", to);
  FL_CHECK(to - from <= limit, Runtime, "uniform_", "uniform_ expects to-from <= ", limit, ", but found to=", to,
           " and from=", from);
  InplaceRecord recording(uniform_op, {&self}, self);
  fill_uniform(is_complex(self.dtype()) ? real_view(self) : self, from, to, generator);
  recording.finish({}, {});
  return self;
}

// ---- normal

namespace {

// A contiguous tensor of 16 and more: blocks of 16; a shorter last block is drawn anew, together with what is before
// it.
void normal_blocks(float* out, int64_t n, float mean, float std, bool by_block, Generator& generator) {
  int64_t whole = n / 16 * 16;
  // Halves draw block by block, floats all at once: the same words unless there is a rest.
  kernels().uniform_float(generator, out, by_block ? whole : n, 0.0f, 1.0f);
  kernels().normal_float(out, whole, mean, std);
  if (whole == n) return;
  kernels().uniform_float(generator, out + n - 16, 16, 0.0f, 1.0f);
  kernels().normal_float(out + n - 16, 16, mean, std);
}

void normal_blocks(double* out, int64_t n, double mean, double std, Generator& generator) {
  int64_t whole = n / 16 * 16;
  kernels().uniform_double(generator, out, n, 0.0, 1.0);
  kernels().normal_double(out, whole, mean, std);
  if (whole == n) return;
  kernels().uniform_double(generator, out + n - 16, 16, 0.0, 1.0);
  kernels().normal_double(out + n - 16, 16, mean, std);
}

void fill_normal(const Tensor& self, double mean, double std, Generator& generator) {
  int64_t n = self.numel();
  if (n < 16 || !self.is_contiguous()) {
    sample_each(self, [&] { return std::fma(generator.normal(), std, mean); });
  } else if (self.dtype() == DType::Float64) {
    sample(self, DType::Float64, [&](void* out) { normal_blocks(static_cast<double*>(out), n, mean, std, generator); });
  } else {
    sample(self, DType::Float32, [&](void* out) {
      normal_blocks(static_cast<float*>(out), n, static_cast<float>(mean), static_cast<float>(std),
                    is_reduced(self.dtype()), generator);
    });
  }
}

}  // namespace

void check_std(const Tensor& std) {
  FL_CHECK(!is_complex(std.dtype()), Runtime, "normal", "normal expects standard deviation to be non-complex");
  GradMode no_grad(false);
  if (!std.device().is_cpu()) return;
  Tensor values = contiguous(to_dtype(detach(std), DType::Float64));
  for (int64_t i = 0; i < values.numel(); i++) {
    double v = values.data<double>()[i];
    FL_CHECK(v >= 0.0, Runtime, "normal", "normal expects all elements of std >= 0.0, got ", v, " at element ", i);
  }
}

Tensor normal_(const Tensor& self, double mean, double std, Generator& generator) {
  FL_CHECK(std >= 0.0, Runtime, "normal_", "normal expects std >= 0.0, but found std ", std);
  need_float("normal_", "normal_kernel_cpu", real_type(self.dtype()));
  InplaceRecord recording(normal_op, {&self}, self);
  if (is_complex(self.dtype())) {
    fill_normal(real_view(self), mean, std / std::sqrt(2.0), generator);
  } else {
    fill_normal(self, mean, std, generator);
  }
  recording.finish({}, {});
  return self;
}

// ---- integers

namespace {

struct Range {
  double low, high;  // what the dtype holds exactly
};

Range range_of(DType t) {
  switch (t) {
    case DType::Bool:
      return {0, 1};
    case DType::UInt8:
      return {0, 255};
    case DType::Int8:
      return {-128, 127};
    case DType::Int16:
      return {-32768, 32767};
    case DType::Int32:
      return {-0x1p31, 0x1p31 - 1};
    case DType::Int64:
      return {-0x1p63, 0x1p63};
    default:
      return {-largest(t), largest(t)};
  }
}

// The largest integer that random_() gives.
uint64_t last_of(DType t) {
  switch (t) {
    case DType::Float16:
      return 1u << 11;
    case DType::BFloat16:
      return 1u << 8;
    case DType::Float32:
      return 1u << 24;
    case DType::Float64:
      return 1ull << 53;
    case DType::Int64:
      return INT64_MAX;
    default:
      return static_cast<uint64_t>(range_of(t).high);
  }
}

void fill_integers(const Tensor& self, uint64_t range, int64_t base, Generator& generator) {
  sample(self, DType::Int64,
         [&](void* out) { kernels().integers(generator, static_cast<int64_t*>(out), self.numel(), range, base); });
}

// random_() without bounds: one word for what fits into 32 bits, two for int64 and float64.
void fill_words(const Tensor& self, Generator& generator) {
  DType t = self.dtype();
  uint64_t range = last_of(t) + 1;
  if (t == DType::Int64 || t == DType::Float64 || range < (1ull << 28)) return fill_integers(self, range, 0, generator);
  sample(self, DType::Int64, [&](void* out) {
    kernels().masked_words(generator, static_cast<int64_t*>(out), self.numel(), static_cast<uint32_t>(range - 1));
  });
}

}  // namespace

Tensor random_(const Tensor& self, std::optional<int64_t> from, std::optional<int64_t> to, Generator& generator) {
  DType t = self.dtype();
  if (!is_common(t)) not_implemented("random_", "random_kernel_cpu", t);
  int64_t low = from.value_or(0);
  Range bounds = range_of(t);
  auto inside = [&](int64_t v) {
    return static_cast<double>(v) >= bounds.low && static_cast<double>(v) <= bounds.high;
  };
  FL_CHECK(inside(low), Runtime, "random_", "from is out of bounds for ", name(t), ", got from=", low);
  if (to) {
    FL_CHECK(low < *to, Runtime, "random_", "random_ expects 'from' to be less than 'to', but got from=", low,
             " >= to=", *to);
    FL_CHECK(inside(*to - 1), Runtime, "random_", "to - 1 is out of bounds for ", name(t), ", got to=", *to);
  }
  InplaceRecord recording(random_op, {&self}, self);
  if (to) {
    fill_integers(self, static_cast<uint64_t>(*to) - static_cast<uint64_t>(low), low, generator);
  } else if (from) {
    fill_integers(self, last_of(t) - static_cast<uint64_t>(low) + 1, low, generator);  // 0 stands for 2^64
  } else {
    fill_words(self, generator);
  }
  recording.finish({}, {});
  return self;
}

Tensor randperm(int64_t n, DType dtype, Generator& generator) {
  FL_CHECK(n >= 0, Runtime, "randperm", "n must be non-negative (a tensor cannot have a negative dimension), got ", n);
  if (!is_common(dtype) || dtype == DType::Bool) not_implemented("randperm", "randperm", dtype);
  uint64_t last = last_of(dtype);
  FL_CHECK(static_cast<uint64_t>(n) <= last + 1, Runtime, "randperm", "n cannot be greater than ", last + 1, " for ",
           name(dtype), ", got ", n);
  Tensor order = empty(Dims{n}, DType::Int64);
  std::iota(order.data<int64_t>(), order.data<int64_t>() + n, 0);
  kernels().shuffle(generator, order.data<int64_t>(), n);
  return to_dtype(order, dtype);
}

// ---- bernoulli

Tensor bernoulli_(const Tensor& self, double p, Generator& generator) {
  FL_CHECK(p >= 0.0 && p <= 1.0, Runtime, "bernoulli_", "bernoulli_ expects p to be in [0, 1], but got p=", p);
  if (!is_common(self.dtype())) not_implemented("bernoulli_", "bernoulli_scalar_cpu_", self.dtype());
  InplaceRecord recording(bernoulli_op, {&self}, self);
  sample(self, DType::Bool,
         [&](void* out) { kernels().bernoulli(generator, static_cast<uint8_t*>(out), self.numel(), p); });
  recording.finish({}, {});
  return self;
}

namespace {

template <class T>
void compare_draws(const T* draws, const T* p, uint8_t* out, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    FL_CHECK(p[i] >= 0 && p[i] <= 1, Runtime, "bernoulli", "expected every p to satisfy 0 <= p <= 1, got ", p[i],
             " at element ", i);
    out[i] = draws[i] < p[i];
  }
}

}  // namespace

Tensor bernoulli_(const Tensor& self, const Tensor& p, Generator& generator) {
  need_float("bernoulli_", "bernoulli_tensor_cpu_p_", p.dtype());
  if (!is_common(self.dtype())) not_implemented("bernoulli_", "bernoulli_tensor_cpu_self_", self.dtype());
  GradMode no_grad(false);
  DType tile = p.dtype() == DType::Float64 ? DType::Float64 : DType::Float32;
  Tensor spread = expand(detach(p), self.shape());
  InplaceRecord recording(bernoulli_op, {&self}, self);
  sample(self, DType::Bool, [&](void* out) {
    Tensor ordered = memory_order(self);
    // p in the same order as self.
    Dims order(self.ndim(), 0);
    std::iota(order.begin(), order.end(), 0);
    if (!self.is_contiguous())
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t a, int64_t b) { return self.stride(a) > self.stride(b); });
    Tensor chances = contiguous(to_dtype(permute(spread, order), tile));
    Tensor draws = empty(ordered.shape(), tile);
    int64_t n = self.numel();
    if (tile == DType::Float64) {
      kernels().uniform_double(generator, draws.data<double>(), n, 0.0, 1.0);
      compare_draws(draws.data<double>(), chances.data<double>(), static_cast<uint8_t*>(out), n);
    } else {
      kernels().uniform_float(generator, draws.data<float>(), n, 0.0f, 1.0f);
      compare_draws(draws.data<float>(), chances.data<float>(), static_cast<uint8_t*>(out), n);
    }
  });
  recording.finish({}, {});
  return self;
}

// ---- other distributions

namespace {

void fill_exponential(const Tensor& self, double rate, Generator& generator) {
  int64_t n = self.numel();
  if (self.dtype() == DType::Float64) {
    sample(self, DType::Float64,
           [&](void* out) { kernels().exponential_double(generator, static_cast<double*>(out), n, rate); });
  } else {
    sample(self, DType::Float32,
           [&](void* out) { kernels().exponential_float(generator, static_cast<float*>(out), n, rate); });
  }
}

}  // namespace

Tensor exponential_(const Tensor& self, double rate, Generator& generator) {
  FL_CHECK(is_real_float(self.dtype()), Runtime, "exponential_",
           "Exponential distribution is a continuous probability distribution. dtype must be a floating point but you "
           "specified ",
           info(self.dtype()).title);
  FL_CHECK(rate > 0.0, Runtime, "exponential_", "exponential_ expects lambda > 0.0, but found lambda=", rate);
  InplaceRecord recording(exponential_op, {&self}, self);
  fill_exponential(self, rate, generator);
  recording.finish({}, {});
  return self;
}

Tensor geometric_(const Tensor& self, double p, Generator& generator) {
  FL_CHECK(p > 0.0 && p < 1.0, Runtime, "geometric_", "geometric_ expects p to be in (0, 1), but got p=", p);
  if (!is_common(self.dtype()) || self.dtype() == DType::Bool)
    not_implemented("geometric_", "geometric_cpu", self.dtype());
  InplaceRecord recording(geometric_op, {&self}, self);
  sample_each(self, [&] { return sample_geometric(generator, p); });
  recording.finish({}, {});
  return self;
}

Tensor cauchy_(const Tensor& self, double median, double sigma, Generator& generator) {
  FL_CHECK(
      is_real_float(self.dtype()), Runtime, "cauchy_",
      "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you specified ",
      name(self.dtype()));
  FL_CHECK(sigma > 0.0, Runtime, "cauchy_", "cauchy_ expects sigma > 0.0, but found sigma=", sigma);
  InplaceRecord recording(cauchy_op, {&self}, self);
  sample_each(self, [&] { return sample_cauchy(generator, median, sigma); });
  recording.finish({}, {});
  return self;
}

Tensor log_normal_(const Tensor& self, double mean, double std, Generator& generator) {
  FL_CHECK(std > 0.0, Runtime, "log_normal_", "log_normal_ expects std > 0.0, but found std=", std);
  need_float("log_normal_", "log_normal_cpu", self.dtype());
  InplaceRecord recording(log_normal_op, {&self}, self);
  sample_each(self, [&] { return std::exp(std::fma(generator.normal(), std, mean)); });
  recording.finish({}, {});
  return self;
}

namespace {

// Their gradients are zero: a draw does not change with its parameters.
void zero_gradients(Backward& b) {
  for (int i = 0; i < b.inputs(); i++)
    if (b.needs(i)) b.set(i, zeros_like(b.grad()));
}
const Op poisson_op{"poisson", zero_gradients};

Tensor plain(const Tensor& x, DType dtype) {
  GradMode no_grad(false);
  return contiguous(to_dtype(detach(x), dtype));
}

}  // namespace

Tensor poisson(const Tensor& rate, Generator& generator) {
  need_float("poisson", "poisson_cpu", rate.dtype());
  Tensor rates = plain(rate, DType::Float64), out = empty(rate.shape(), rate.dtype(), rate.device());
  if (!rate.device().is_cpu()) return record(poisson_op, {&rate}, {}, {}, out);
  const double* r = rates.data<double>();
  sample_each(out, [&] {
    FL_CHECK(*r >= 0.0, Runtime, "poisson", "invalid Poisson rate, expected rate to be non-negative, got ", *r);
    // As an integer: an infinite rate gives the least of them.
    double k = sample_poisson(generator, *r++);
    return k < 0x1p63 ? k : -0x1p63;
  });
  return record(poisson_op, {&rate}, {}, {}, out);
}

Tensor binomial(const Tensor& count, const Tensor& p, Generator& generator) {
  for (const Tensor* t : {&count, &p})
    FL_CHECK(is_floating(t->dtype()), Value, "binomial", "binomial only supports floating-point dtypes for ",
             t == &count ? "count" : "prob", ", got: ", info(t->dtype()).title);
  FL_CHECK(count.dtype() == p.dtype(), DType, "binomial", "Found dtype ", info(p.dtype()).title, " but expected ",
           info(count.dtype()).title);
  if (is_reduced(count.dtype())) not_implemented("binomial", "binomial_cpu", count.dtype());
  Dims shape = broadcast_shapes(count.shape(), p.shape(), "binomial");
  GradMode no_grad(false);
  Tensor n = plain(expand(count, shape), DType::Float64), q = plain(expand(p, shape), DType::Float64),
         out = empty(shape, count.dtype(), common_device("binomial", std::array{&count, &p}));
  if (!out.device().is_cpu()) return out;
  const double *trials = n.data<double>(), *chance = q.data<double>();
  sample_each(out, [&] { return sample_binomial(generator, *trials++, *chance++); });
  return out;
}

namespace {

template <class T>
void gammas(const Tensor& alpha, const Tensor& out, Generator& generator) {
  const T* a = alpha.data<T>();
  T* values = out.data<T>();
  for (int64_t i = 0; i < out.numel(); i++)
    values[i] = std::max(static_cast<T>(sample_gamma(generator, a[i])), std::numeric_limits<T>::min());
}

// Gammas in double over their sum, kept away from 0 and 1.
template <class T>
void dirichlets(const Tensor& alpha, const Tensor& out, Generator& generator) {
  int64_t n = alpha.ndim() ? alpha.size(-1) : 1;
  std::vector<double> row(n);
  for (int64_t begin = 0; n && begin < out.numel(); begin += n) {
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += row[i] = sample_gamma(generator, alpha.data<double>()[begin + i]);
    for (int64_t i = 0; i < n; i++) {
      T share = static_cast<T>(row[i] / sum);
      out.data<T>()[begin + i] = std::clamp(share, std::numeric_limits<T>::min(), std::nextafter(T(1), T(0)));
    }
  }
}

}  // namespace

Tensor standard_gamma(const Tensor& alpha, Generator& generator) {
  if (alpha.dtype() != DType::Float32 && alpha.dtype() != DType::Float64)
    not_implemented("standard_gamma", "gamma_cpu", alpha.dtype());
  Tensor a = plain(alpha, alpha.dtype()), out = empty(alpha.shape(), alpha.dtype(), alpha.device());
  if (!alpha.device().is_cpu()) return out;
  alpha.dtype() == DType::Float32 ? gammas<float>(a, out, generator) : gammas<double>(a, out, generator);
  return out;
}

Tensor dirichlet(const Tensor& alpha, Generator& generator) {
  if (alpha.dtype() != DType::Float32 && alpha.dtype() != DType::Float64)
    not_implemented("dirichlet", "dirichlet", alpha.dtype());
  Tensor a = plain(alpha, DType::Float64), out = empty(alpha.shape(), alpha.dtype(), alpha.device());
  if (!alpha.device().is_cpu()) return out;
  alpha.dtype() == DType::Float32 ? dirichlets<float>(a, out, generator) : dirichlets<double>(a, out, generator);
  return out;
}

// ---- multinomial

namespace {

void check_weights(const Tensor& weights, int64_t rows, int64_t n, bool replacement) {
  const double* w = weights.data<double>();
  for (int64_t r = 0; r < rows; r++) {
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
      double v = w[r * n + i];
      FL_CHECK(v >= 0.0 && std::isfinite(v), Runtime, "multinomial",
               replacement ? "invalid multinomial distribution (encountering probability entry < 0, infinity or NaN)"
                           : "probability tensor contains either `inf`, `nan` or element < 0",
               ": ", v, " at (", r, ", ", i, ")");
      sum += v;
    }
    FL_CHECK(sum > 0.0, Runtime, "multinomial", "invalid multinomial distribution (sum of probabilities <= 0) in row ",
             r);
  }
}

// Inverts the cumulative sums, which are taken in the dtype itself (halves in float).
template <class T>
void draw_with_replacement(const double* weights, int64_t n, int64_t samples, int64_t* out, Generator& generator) {
  std::vector<T> cumulative(n);
  T sum = 0;
  for (int64_t i = 0; i < n; i++) cumulative[i] = sum += static_cast<T>(weights[i]);
  for (T& c : cumulative) c /= sum;
  cumulative[n - 1] = 1;
  for (int64_t s = 0; s < samples; s++) {
    double u = generator.uniform();
    auto at = std::lower_bound(cumulative.begin(), cumulative.end(), u,
                               [](T c, double v) { return static_cast<double>(c) < v; });
    out[s] = at - cumulative.begin();
  }
}

// A race: the largest of weight / exponential come first.
Tensor draw_without_replacement(const Tensor& weights, const Dims& shape, DType dtype, int64_t samples,
                                Generator& generator) {
  Tensor times = empty(shape, dtype);
  fill_exponential(times, 1.0, generator);
  GradMode no_grad(false);
  Tensor scores = contiguous(div(weights, times));
  int64_t n = shape.back(), rows = scores.numel() / n;
  Dims result = shape;
  result[shape.size() - 1] = samples;
  Tensor values = empty(result, dtype), out = empty(result, DType::Int64);
  cpu_kernels().sort.topk(key_type(dtype), scores.raw(), values.raw(), out.data<int64_t>(), rows, n, samples, true);
  return out;
}

}  // namespace

Tensor multinomial(const Tensor& weights, int64_t samples, bool replacement, Generator& generator) {
  FL_CHECK(is_floating(weights.dtype()), Runtime, "multinomial",
           "multinomial only supports floating-point dtypes for input, got: ", info(weights.dtype()).title);
  FL_CHECK(weights.ndim() == 1 || weights.ndim() == 2, Runtime, "multinomial",
           "prob_dist must be 1 or 2 dim, got shape ", weights.shape());
  FL_CHECK(samples > 0, Runtime, "multinomial", "cannot sample n_sample <= 0 samples, got ", samples);
  int64_t n = weights.size(-1);
  FL_CHECK(n > 0 && (replacement || samples <= n), Runtime, "multinomial",
           "cannot sample n_sample > prob_dist.size(-1) samples without replacement: ", samples, " of ", n);
  Dims shape = weights.shape();
  shape[shape.size() - 1] = samples;
  if (!weights.device().is_cpu()) return empty(shape, DType::Int64, weights.device());
  int64_t rows = weights.numel() / n;
  Tensor wide = plain(weights, DType::Float64);
  check_weights(wide, rows, n, replacement);
  if (!replacement || samples == 1)
    return draw_without_replacement(plain(weights, weights.dtype()), weights.shape(), weights.dtype(), samples,
                                    generator);
  Tensor out = empty(shape, DType::Int64);
  for (int64_t r = 0; r < rows; r++) {
    const double* row = wide.data<double>() + r * n;
    int64_t* to = out.data<int64_t>() + r * samples;
    weights.dtype() == DType::Float64 ? draw_with_replacement<double>(row, n, samples, to, generator)
                                      : draw_with_replacement<float>(row, n, samples, to, generator);
  }
  return out;
}

// ---- dropout: what is saved is one byte per element

namespace {

Tensor mask_scale(const Tensor& x, const Tensor& mask, double keep);

void mask_scale_vjp(Backward& b) { b.set(0, mask_scale(b.grad(), b.saved(0), b.attr<double>(0))); }
const Op mask_scale_op{"mask_scale", mask_scale_vjp};

// x * (mask / keep), where a dropped NaN stays NaN as in torch's product.
Tensor mask_scale(const Tensor& x, const Tensor& mask, double keep) {
  Tensor source = x, out = empty_strided(mask.shape(), mask.strides(), x.dtype(), x.device());
  if (!same(x.strides(), mask.strides())) {
    GradMode no_grad(false);
    source = empty_strided(mask.shape(), mask.strides(), x.dtype(), x.device());
    copy_(source, detach(x));
  }
  kernels_of(out).random.mask_scale(x.dtype(), source.raw(), static_cast<const uint8_t*>(mask.raw()), out.raw(),
                                    out.numel(), keep);
  return record(mask_scale_op, {&x}, {keep}, {{mask, 1}}, out);
}

}  // namespace

Tensor dropout(const Tensor& x, double p, Generator& generator) {
  FL_CHECK(p > 0.0 && p < 1.0, Runtime, "dropout", "dropout probability has to be between 0 and 1, but got ", p);
  FL_CHECK(is_inexact(x.dtype()), Runtime, "dropout", "result type Float can't be cast to the desired output type ",
           info(x.dtype()).title);
  Tensor mask = empty_like(x, DType::Bool);
  sample(mask, DType::Bool,
         [&](void* out) { kernels().bernoulli(generator, static_cast<uint8_t*>(out), mask.numel(), 1.0 - p); });
  return mask_scale(x, mask, 1.0 - p);
}

}  // namespace flambeau::ops
