// Ranges and patterns. They are written in int64 or double and then converted.
#include "ops/creation.h"

#include <cmath>
#include <cstring>

#include "core/kernels.h"
#include "core/threads.h"

namespace flambeau::ops {

namespace {

template <class T, class F>
Tensor generate_as(int64_t n, DType tile, F value) {
  Tensor out = empty(Dims{n}, tile);
  T* at = out.data<T>();
  for (int64_t i = 0; i < n; i++) at[i] = static_cast<T>(value(i));
  return out;
}

template <class T, class F>
Tensor generate(int64_t n, DType tile, DType dtype, F value) {
  if (dtype == DType::Float32 && tile == DType::Float64) return generate_as<float>(n, dtype, value);  // in one pass
  return to_dtype(generate_as<T>(n, tile, value), dtype);
}

int64_t arange_count(double start, double end, double step) {
  FL_CHECK(step != 0.0, Runtime, "arange", "step must be nonzero");
  FL_CHECK(std::isfinite(start) && std::isfinite(end), Runtime, "arange", "unsupported range: ", start, " -> ", end);
  FL_CHECK((step > 0) == (end >= start) || start == end, Runtime, "arange",
           "upper bound and lower bound inconsistent with step sign: start ", start, ", end ", end, ", step ", step);
  double n = std::ceil((end - start) / step);
  FL_CHECK(n >= 0 && n < 0x1p62, Runtime, "arange", "invalid size, possible overflow? start ", start, ", end ", end,
           ", step ", step);
  return static_cast<int64_t>(n);
}

int64_t arange_count(int64_t start, int64_t end, int64_t step) {
  FL_CHECK(step != 0, Runtime, "arange", "step must be nonzero");
  FL_CHECK(step > 0 ? end >= start : end <= start, Runtime, "arange",
           "upper bound and lower bound inconsistent with step sign: start ", start, ", end ", end, ", step ", step);
  auto span = static_cast<unsigned __int128>(step > 0 ? static_cast<__int128>(end) - start
                                                      : static_cast<__int128>(start) - end);
  auto width = static_cast<unsigned __int128>(step > 0 ? static_cast<__int128>(step) : -static_cast<__int128>(step));
  return static_cast<int64_t>((span + width - 1) / width);
}

void need_ordered(const char* op, DType t) {
  FL_CHECK(!is_complex(t) && !is_bool(t), NotImplemented, op, "\"", op, "_cpu\" not implemented for '", info(t).title,
           "'");
}

}  // namespace

Tensor arange(const Tensor& start, const Tensor& end, const Tensor& step, DType dtype) {
  need_ordered("arange", dtype);
  auto integer = [](const Tensor& t) { return t.dtype() == DType::Int64; };
  if (integer(start) && integer(end) && integer(step)) {
    int64_t a = *start.data<int64_t>(), s = *step.data<int64_t>();
    int64_t n = arange_count(a, *end.data<int64_t>(), s);
    return generate<int64_t>(n, DType::Int64, dtype, [=](int64_t i) {
      return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(i) * static_cast<uint64_t>(s));
    });
  }
  double a = item(start), s = item(step);
  int64_t n = arange_count(a, item(end), s);
  if (is_integral(dtype)) {  // torch cuts the bounds first
    int64_t base = static_cast<int64_t>(a), width = static_cast<int64_t>(s);
    return generate<int64_t>(n, DType::Int64, dtype, [=](int64_t i) { return base + i * width; });
  }
  return generate<double>(n, DType::Float64, dtype, [=](int64_t i) { return a + static_cast<double>(i) * s; });
}

namespace {

// An end as the dtype holds it: torch makes an integer of it before it counts. Unsigned ones wrap.
double end_in(const char* op, double v, DType dtype) {
  if (!is_integral(dtype)) return v;
  bool is_unsigned = info(dtype).kind == Kind::Unsigned;
  double top = std::ldexp(1.0, static_cast<int>(8 * item_size(dtype)) - (is_unsigned ? 0 : 1));
  double cut = std::trunc(v);
  FL_CHECK(cut < top && cut >= (is_unsigned ? -(top - 1) : -top), Runtime, op, "value cannot be converted to type ",
           name(dtype), " without overflow: ", v);
  return is_unsigned && cut < 0 ? cut + top : cut;
}

// Evenly spaced, from both ends towards the middle, so that both ends are exact.
template <class F>
Tensor spaced(const char* op, double start, double end, int64_t steps, DType dtype, F map) {
  FL_CHECK(steps >= 0, Runtime, op, "number of steps must be non-negative, got ", steps);
  FL_CHECK(!is_complex(dtype) && !is_bool(dtype), NotImplemented, op, "\"", op, "_cpu\" not implemented for '",
           info(dtype).title, "'");
  start = end_in(op, start, dtype);
  end = end_in(op, end, dtype);
  double step = steps > 1 ? (end - start) / static_cast<double>(steps - 1) : 0.0;
  return generate<double>(steps, DType::Float64, dtype, [=](int64_t i) {
    return map(steps == 1 || i < steps / 2 ? start + step * static_cast<double>(i)
                                           : end - step * static_cast<double>(steps - 1 - i));
  });
}

}  // namespace

Tensor linspace(double start, double end, int64_t steps, DType dtype) {
  return spaced("linspace", start, end, steps, dtype, [](double v) { return v; });
}

Tensor logspace(double start, double end, int64_t steps, double base, DType dtype) {
  return spaced("logspace", start, end, steps, dtype, [=](double v) { return std::pow(base, v); });
}

Tensor eye(int64_t rows, int64_t columns, DType dtype) {
  FL_CHECK(rows >= 0, Runtime, "eye", "n must be greater or equal to 0, got ", rows);
  FL_CHECK(columns >= 0, Runtime, "eye", "m must be greater or equal to 0, got ", columns);
  Tensor out = zeros(Dims{rows, columns}, dtype);
  GradMode no_grad(false);
  fill_(diagonal(out, 0, 0, 1), weak_scalar(int64_t{1}));
  return out;
}

Tensor triangle_indices(int64_t rows, int64_t columns, int64_t offset, bool lower, DType dtype) {
  const char* op = lower ? "tril_indices" : "triu_indices";
  FL_CHECK(rows >= 0 && columns >= 0, Runtime, op, "row and col must be non-negative, got ", rows, " and ", columns);
  FL_CHECK(dtype == DType::Int64 || dtype == DType::Int32 || dtype == DType::Int16 || dtype == DType::Int8 ||
               dtype == DType::UInt8,
           NotImplemented, op, "\"", op, "\" not implemented for '", info(dtype).title, "'");
  // Columns [first, last) of a row belong to the triangle.
  auto bounds = [&](int64_t row) {
    int64_t cut = std::clamp<int64_t>(row + offset + (lower ? 1 : 0), 0, columns);
    return lower ? std::pair<int64_t, int64_t>{0, cut} : std::pair<int64_t, int64_t>{cut, columns};
  };
  int64_t n = 0;
  for (int64_t r = 0; r < rows; r++) n += bounds(r).second - bounds(r).first;
  Tensor out = empty(Dims{2, n}, DType::Int64);
  int64_t* at = out.data<int64_t>();
  for (int64_t r = 0; r < rows; r++)
    for (auto [c, last] = bounds(r); c < last; c++, at++) {
      at[0] = r;
      at[n] = c;
    }
  return to_dtype(out, dtype);
}

namespace {

void triangle_vjp(Backward& b) { b.set(0, triangle(b.grad(), b.attr<int64_t>(0), b.attr<bool>(1))); }
const Op tril_op{"tril", triangle_vjp};
const Op triu_op{"triu", triangle_vjp};

}  // namespace

Tensor triangle(const Tensor& x, int64_t diagonal, bool lower) {
  const char* op = lower ? "tril" : "triu";
  FL_CHECK(x.ndim() >= 2, Runtime, op, "input tensor must have at least 2 dimensions, got shape ", x.shape());
  Tensor source;
  {
    GradMode no_grad(false);
    source = contiguous(detach(x));
  }
  Tensor out = empty(x.shape(), x.dtype(), x.device());
  const Op& recorded = lower ? tril_op : triu_op;
  if (!x.device().is_cpu()) return record(recorded, {&x}, {diagonal, lower}, {}, out);
  int64_t rows = x.size(-2), columns = x.size(-1), size = x.item_size();
  const char* from = source.data<char>();
  char* to = out.data<char>();
  int64_t lines = columns ? x.numel() / columns : 0;
  parallel_for(lines, std::max<int64_t>(1, 32768 / std::max<int64_t>(columns, 1)), [=](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; line++) {
      __int128 place = static_cast<__int128>(line % rows) + diagonal + (lower ? 1 : 0);
      auto cut = static_cast<int64_t>(std::clamp<__int128>(place, 0, columns));
      char* row = to + line * columns * size;
      const char* kept = from + line * columns * size;
      int64_t left = cut * size, right = (columns - cut) * size;
      lower ? std::memcpy(row, kept, left) : std::memset(row, 0, left);
      lower ? std::memset(row + left, 0, right) : std::memcpy(row + left, kept + left, right);
    }
  });
  return record(recorded, {&x}, {diagonal, lower}, {}, out);
}

}  // namespace flambeau::ops
