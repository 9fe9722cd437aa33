#include "ops/sorting.h"

#include <array>
#include <cmath>
#include <numeric>

#include "core/kernels.h"
#include "ops/indexing.h"

namespace flambeau::ops {

namespace {

const SortKernels& kernels(const Tensor& x) { return kernels_of(x).sort; }
int64_t* raw_places(const Tensor& places) { return static_cast<int64_t*>(places.raw()); }

// The dimension `dim` of x last, dense and without history; 0-dim tensors as vectors.
Tensor rows_of(const Tensor& x, int64_t dim) {
  GradMode no_grad(false);
  Tensor plain = detach(x);
  return x.ndim() ? contiguous(transpose(plain, dim, -1)) : alias(plain, {1}, {1}, plain->offset);
}

// What is given back is nobody's view: programs change values in place.
Tensor rows_back(const Tensor& rows, const Tensor& x, int64_t dim) {
  GradMode no_grad(false);
  if (!x.ndim()) return alias(rows, {}, {}, rows->offset);
  const Tensor turned = contiguous(transpose(rows, dim, -1));
  return alias(turned, turned.shape(), contiguous_strides(turned.shape()), turned->offset);
}

int64_t length_of(const Tensor& x, int64_t dim) { return x.ndim() ? x.size(dim) : 1; }

// Values that were picked along a dimension: their gradients go back to where they came from.
void pick_vjp(Backward& b) {
  if (!b.grad(0).defined()) return;
  const Dims& shape = b.attr<Dims>(1);
  int64_t dim = b.attr<int64_t>(0);
  Tensor g = b.grad(0), at = b.saved(0);
  if (b.attr<bool>(2)) {
    g = unsqueeze(g, dim);
    at = unsqueeze(at, dim);
  }
  b.set(0, scatter_add(zeros(shape, g.dtype(), g.device()), dim, at, g, true));
}
const Op sort_op{"sort", pick_vjp};
const Op topk_op{"topk", pick_vjp};
const Op kthvalue_op{"kthvalue", pick_vjp};

std::pair<Tensor, Tensor> recorded(const Op& op, const Tensor& x, int64_t dim, bool squeezed, Tensor values,
                                   Tensor places) {
  Tensor outs[] = {values, places};
  record_many(op, std::span<const Tensor>(&x, 1), {dim, x.shape(), squeezed}, {places}, outs);
  return {outs[0], outs[1]};
}

void need_order(const char* op, const Tensor& x) {
  FL_CHECK(!is_complex(x.dtype()), Runtime, op, op, " does not support complex dtypes on CPU");
  FL_CHECK(x.dtype() != DType::Float8e5m2 && x.dtype() != DType::Float8e4m3fn, NotImplemented, op, "\"", op,
           "\" not implemented for '", info(x.dtype()).title, "'");
}

}  // namespace

std::pair<Tensor, Tensor> sort(const Tensor& x, int64_t dim, bool descending) {
  need_order("sort", x);
  dim = wrap_dim(dim, x.ndim(), "sort");
  Tensor rows = rows_of(x, dim), values = empty_like(rows), places = empty_like(rows, DType::Int64);
  int64_t n = length_of(x, dim);
  if (x.numel())
    kernels(x).sort(key_type(x.dtype()), rows.raw(), values.raw(), raw_places(places), x.numel() / n, n, descending);
  return recorded(sort_op, x, dim, false, rows_back(values, x, dim), rows_back(places, x, dim));
}

std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t dim, bool largest) {
  need_order("topk", x);
  FL_CHECK(x.dtype() != DType::Bool, Runtime, "topk", "topk does not support bool dtypes on CPU");
  dim = wrap_dim(dim, x.ndim(), "topk");
  int64_t n = length_of(x, dim);
  FL_CHECK(k >= 0 && k <= n, Runtime, "topk", "selected index k out of range: k = ", k, " of ", n,
           " elements along dimension ", dim);
  if (x.ndim() == 0) k = 1;
  Tensor rows = rows_of(x, dim);
  Dims shape = rows.shape();
  shape[shape.size() - 1] = k;
  Tensor values = empty(shape, x.dtype(), x.device()), places = empty(shape, DType::Int64, x.device());
  if (values.numel())
    kernels(x).topk(key_type(x.dtype()), rows.raw(), values.raw(), raw_places(places), x.numel() / n, n, k, largest);
  return recorded(topk_op, x, dim, false, rows_back(values, x, dim), rows_back(places, x, dim));
}

std::pair<Tensor, Tensor> kthvalue(const Tensor& x, int64_t k, int64_t dim, bool keepdim) {
  FL_CHECK(!is_complex(x.dtype()) && x.dtype() != DType::Bool, NotImplemented, "kthvalue",
           "\"kthvalue_cpu\" not implemented for '", info(x.dtype()).title, "'");
  need_order("kthvalue", x);
  dim = wrap_dim(dim, x.ndim(), "kthvalue");
  int64_t n = length_of(x, dim);
  FL_CHECK(n > 0, Index, "kthvalue", "kthvalue(): Expected reduction dim ", dim, " to have non-zero size.");
  FL_CHECK(k >= 1 && k <= n, Runtime, "kthvalue", "kthvalue(): selected number k out of range for dimension ", dim,
           ": k = ", k, ", size ", n);
  Tensor rows = rows_of(x, dim);
  Dims shape = rows.shape();
  shape[shape.size() - 1] = 1;
  Tensor places = empty(shape, DType::Int64, x.device());
  if (places.numel()) kernels(x).kth(key_type(x.dtype()), rows.raw(), raw_places(places), x.numel() / n, n, k - 1);
  Tensor at = rows_back(places, x, dim), values;
  {
    GradMode no_grad(false);
    values = gather(detach(x), dim, at);
  }
  bool drop = !keepdim && x.ndim() > 0;
  if (drop) {
    Dims left = x.shape();
    left.erase(dim);
    values = alias(values, left, contiguous_strides(left), values->offset);
    at = alias(at, left, contiguous_strides(left), at->offset);
  }
  return recorded(kthvalue_op, x, dim, drop, values, at);
}

Tensor searchsorted(const Tensor& sorted, const Tensor& values, const Tensor& sorter, bool right, bool int32) {
  const char* op = "searchsorted";
  FL_CHECK(sorted.ndim() > 0, Runtime, op, "boundaries tensor should have positive dimension, but got 0 dimension");
  FL_CHECK(values.ndim() > 0 || sorted.ndim() == 1, Runtime, op,
           "input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor ",
           sorted.shape());
  bool fits = sorted.ndim() == 1 || sorted.ndim() == values.ndim();
  for (int64_t d = 0; fits && sorted.ndim() > 1 && d + 1 < sorted.ndim(); d++) fits = sorted.size(d) == values.size(d);
  FL_CHECK(fits, Runtime, op,
           "boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value "
           "tensor must match, but we got "
           "boundaries tensor ",
           sorted.shape(), " and input value tensor ", values.shape());
  need_order(op, sorted);
  need_order(op, values);
  GradMode no_grad(false);
  DType common = values->weak ? result_type({&sorted, &values}) : promote(sorted.dtype(), values.dtype());
  Tensor line = contiguous(to_dtype(detach(sorted), common)), wanted = contiguous(to_dtype(detach(values), common)),
         order;
  int64_t length = line.size(-1);
  if (sorter.defined()) {
    FL_CHECK(sorter.shape() == sorted.shape(), Runtime, op,
             "boundary and sorter must have the same size, but got boundary tensor ", sorted.shape(),
             " and got sorter tensor ", sorter.shape());
    FL_CHECK(sorter.dtype() == DType::Int64, Runtime, op, "sorter must be a tensor of long dtype but got dtype ",
             info(sorter.dtype()).title);
    order = contiguous(sorter);
    int64_t bad = order.device().is_cpu()
                      ? cpu_kernels().indexing.out_of_range(order.data<int64_t>(), order.numel(), 0, length)
                      : -1;
    FL_CHECK(bad < 0, Runtime, op, "sorter index out of range: element ", bad, " is ", order.data<int64_t>()[bad],
             ", valid are [0, ", length, ")");
  }
  const Device device = common_device(op, std::array{&sorted, &values, &sorter});
  Tensor out = empty(values.shape(), DType::Int64, device);
  int64_t n = out.numel(), run = sorted.ndim() == 1 ? n : values.size(-1);
  if (n) {
    const int64_t* by = order.defined() ? raw_places(order) : nullptr;
    kernels_on(device).sort.search(key_type(common), line.raw(), by, length, wanted.raw(), n, run, right,
                                   raw_places(out));
  }
  return int32 ? to_dtype(out, DType::Int32) : out;
}

// ---- unique

namespace {

// The values as doubles or int64, which compare as they do.
Tensor comparable(const Tensor& x) {
  return contiguous(to_dtype(x, is_floating(x.dtype()) ? DType::Float64 : DType::Int64));
}

// Rows of `width` numbers, compared one after another.
template <class T>
struct RowOrder {
  const T* data;
  int64_t width;
  bool less(int64_t a, int64_t b) const {
    return std::lexicographical_compare(data + a * width, data + (a + 1) * width, data + b * width,
                                        data + (b + 1) * width);
  }
  bool equal(int64_t a, int64_t b) const {
    return std::equal(data + a * width, data + (a + 1) * width, data + b * width);
  }
};

// Numbers the groups of equal neighbours in `order`; first[g] is a group's first element.
template <class Equal>
void group(const int64_t* order, int64_t n, Equal equal, std::vector<int64_t>& first, std::vector<int64_t>& counts,
           int64_t* inverse) {
  for (int64_t i = 0; i < n; i++) {
    if (i == 0 || !equal(order[i - 1], order[i])) {
      first.push_back(order[i]);
      counts.push_back(0);
    }
    counts.back()++;
    inverse[order[i]] = static_cast<int64_t>(first.size()) - 1;
  }
}

template <class T>
void group_rows(const Tensor& keys, int64_t n, int64_t width, const std::vector<int64_t>* sorted, bool consecutive,
                std::vector<int64_t>& first, std::vector<int64_t>& counts, int64_t* inverse) {
  RowOrder<T> rows{keys.data<T>(), width};
  std::vector<int64_t> order(n);
  if (sorted) {
    order = *sorted;
  } else {
    std::iota(order.begin(), order.end(), 0);
    if (!consecutive)
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return rows.less(a, b); });
  }
  group(order.data(), n, [&](int64_t a, int64_t b) { return rows.equal(a, b); }, first, counts, inverse);
}

Tensor from_list(const std::vector<int64_t>& values) {
  Tensor out = empty(Dims{static_cast<int64_t>(values.size())}, DType::Int64);
  std::copy(values.begin(), values.end(), out.data<int64_t>());
  return out;
}

}  // namespace

Unique unique(const Tensor& x, std::optional<int64_t> dim, bool consecutive) {
  const char* op = consecutive ? "unique_consecutive" : "unique";
  FL_CHECK(!is_complex(x.dtype()), NotImplemented, op, "\"unique\" not implemented for '", info(x.dtype()).title, "'");
  GradMode no_grad(false);
  Tensor plain = detach(x);
  int64_t d = dim ? wrap_dim(*dim, x.ndim(), op) : 0;
  bool flat = !dim || x.ndim() == 0;
  Dims order_in, order_out;  // `dim` first, and back
  for (int64_t i = 0; i < x.ndim(); i++) {
    order_out.push_back(i == d ? 0 : i < d ? i + 1 : i);
    if (i != d) order_in.push_back(i);
  }
  order_in.insert(0, d);
  Tensor rows = contiguous(flat ? reshape(plain, {x.numel()}) : permute(plain, order_in));
  int64_t n = rows.size(0), width = 1;
  for (int64_t i = 1; i < rows.ndim(); i++) width *= rows.size(i);
  FL_CHECK(flat || width > 0, Runtime, op,
           "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied");
  std::vector<int64_t> order, first, counts;
  bool by_kernel = flat && !consecutive && n > 0;
  if (by_kernel) {
    order.resize(n);
    kernels(x).sort(key_type(x.dtype()), rows.data<void>(), nullptr, order.data(), 1, n, false);
  }
  Tensor inverse = empty(flat ? DimsRef(x.shape()) : DimsRef(Dims{n}), DType::Int64), keys = comparable(rows);
  const std::vector<int64_t>* sorted = by_kernel ? &order : nullptr;
  if (keys.dtype() == DType::Float64) {
    group_rows<double>(keys, n, width, sorted, consecutive, first, counts, inverse.data<int64_t>());
  } else {
    group_rows<int64_t>(keys, n, width, sorted, consecutive, first, counts, inverse.data<int64_t>());
  }
  Tensor values = index_select(rows, 0, from_list(first));
  if (!flat) values = contiguous(permute(values, order_out));
  return {values, inverse, from_list(counts)};
}

// ---- counting

Tensor bincount(const Tensor& x, const Tensor& weights, int64_t least) {
  FL_CHECK(is_integral(x.dtype(), false), NotImplemented, "bincount", "\"bincount_cpu\" not implemented for '",
           info(x.dtype()).title, "'");
  FL_CHECK(least >= 0, Runtime, "bincount", "minlength should be >= 0, got ", least);
  FL_CHECK(x.ndim() == 1, Runtime, "bincount", "bincount only supports 1-d non-negative integral inputs, got shape ",
           x.shape());
  FL_CHECK(!weights.defined() || (weights.ndim() == 1 && weights.numel() == x.numel()), Runtime, "bincount",
           "weights should be 1-d and have the same length as input: ", x.shape(), " and ",
           weights.defined() ? weights.shape() : Dims());
  GradMode no_grad(false);
  Tensor at = contiguous(to_dtype(detach(x), DType::Int64));
  const int64_t* index = at.data<int64_t>();
  int64_t n = at.numel(), most = -1;
  for (int64_t i = 0; i < n; i++) {
    FL_CHECK(index[i] >= 0, Runtime, "bincount", "bincount only supports 1-d non-negative integral inputs, got ",
             index[i], " at element ", i);
    most = std::max(most, index[i]);
  }
  FL_CHECK(most < INT64_MAX / 16, Runtime, "bincount", "the largest value ", most, " is too large to count up to");
  int64_t size = std::max(most + 1, least);
  if (!weights.defined()) {
    Tensor out = zeros(Dims{size}, DType::Int64);
    for (int64_t i = 0; i < n; i++) out.data<int64_t>()[index[i]]++;
    return out;
  }
  DType type = weights.dtype() == DType::Float32 ? DType::Float32 : DType::Float64;
  Tensor out = zeros(Dims{size}, type), w = contiguous(to_dtype(detach(weights), type));
  if (type == DType::Float32) {
    for (int64_t i = 0; i < n; i++) out.data<float>()[index[i]] += w.data<float>()[i];
  } else {
    for (int64_t i = 0; i < n; i++) out.data<double>()[index[i]] += w.data<double>()[i];
  }
  return out;
}

Tensor histc(const Tensor& x, int64_t bins, double low, double high) {
  FL_CHECK(is_floating(x.dtype()), NotImplemented, "histc", "\"histogram_cpu\" not implemented for '",
           info(x.dtype()).title, "'");
  FL_CHECK(bins > 0, Runtime, "histc", "bins must be > 0, but got ", bins, " for dimension 0");
  GradMode no_grad(false);
  if (!x.device().is_cpu()) return empty(Dims{bins}, x.dtype(), x.device());
  Tensor values = contiguous(to_dtype(detach(x), DType::Float64));
  const double* v = values.data<double>();
  int64_t n = values.numel();
  FL_CHECK(low <= high, Runtime, "histc", "max must be larger than min, got min ", low, " and max ", high);
  if (low == high && n) {
    low = high = v[0];
    for (int64_t i = 0; i < n; i++) {
      low = v[i] < low || v[i] != v[i] ? v[i] : low;
      high = v[i] > high || v[i] != v[i] ? v[i] : high;
    }
  }
  FL_CHECK(std::isfinite(low) && std::isfinite(high), Runtime, "histc", "range of [", low, ", ", high,
           "] is not finite");
  if (low == high) low -= 1, high += 1;
  Tensor counts = zeros(Dims{bins}, DType::Float64);
  for (int64_t i = 0; i < n; i++) {
    if (!(v[i] >= low && v[i] <= high)) continue;
    auto bin = static_cast<int64_t>((v[i] - low) / (high - low) * static_cast<double>(bins));
    counts.data<double>()[std::min(bin, bins - 1)] += 1.0;
  }
  return to_dtype(counts, x.dtype());
}

}  // namespace flambeau::ops
