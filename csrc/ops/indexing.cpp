// Advanced indexing, and choosing along one dimension.
#include "ops/indexing.h"

#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

#include "core/kernels.h"
#include "core/threads.h"

namespace flambeau::ops {

namespace {

const IndexingKernels& kernels() { return cpu_kernels().indexing; }

Tensor plain(const Tensor& x) {
  GradMode no_grad(false);
  return contiguous(detach(x));
}
Tensor plain_as(const Tensor& x, DType dtype) {
  GradMode no_grad(false);
  return contiguous(to_dtype(detach(x), dtype));
}
Tensor copy_of(const Tensor& x) {
  GradMode no_grad(false);
  return clone(detach(x));
}
// A source that the write below may overwrite is copied first.
Tensor apart(const Tensor& source, const Tensor& target) {
  Tensor out = plain(source);
  return out->storage == target->storage ? clone(out, MemoryFormat::Contiguous) : out;
}

bool is_index(DType t) { return t == DType::Int64 || t == DType::Int32; }

[[noreturn]] void out_of_bounds(const char* op, int64_t value, const char* what, int64_t position, int64_t dim,
                                int64_t size) {
  FL_FAIL(Index, op, "index ", value, " is out of bounds for dimension ", dim, " with size ", size, ": ", what,
          " element ", position, " must be in [", -size, ", ", size, ")");
}

// A dense int64 copy (or itself) of an index in [0, size), for the functions along one dimension.
Tensor checked_index(const char* op, const Tensor& index, int64_t dim, int64_t size) {
  Tensor out = plain_as(index, DType::Int64);
  if (!out.device().is_cpu()) return out;  // checked when there are values
  const int64_t* at = out.data<int64_t>();
  int64_t bad = kernels().out_of_range(at, out.numel(), 0, size);
  if (bad >= 0) {
    FL_FAIL(Index, op, "index ", at[bad], " is out of bounds for dimension ", dim, " with size ", size, ": element ",
            bad, " of index must be in [0, ", size, ")");
  }
  return out;
}

// ---- block plans

// The offsets of all positions of some dimensions, in order. Trailing dimensions that are dense become part of `block`.
struct Offsets {
  std::vector<int64_t> at;
  Offsets(const Tensor& x, DimsRef dims) {
    at = {0};
    for (int64_t d : dims) {
      std::vector<int64_t> outer = std::move(at);
      at.resize(outer.size() * x.size(d));
      int64_t* next = at.data();
      for (int64_t base : outer)
        for (int64_t i = 0; i < x.size(d); i++) *next++ = base + i * x.stride(d);
    }
  }
};

// How x's dimensions fall apart around the indexed ones.
struct Blocks {
  std::vector<int64_t> before, index, after;
  int64_t block = 1;
  BlockPlan plan() const {
    return {static_cast<int64_t>(before.size()),
            static_cast<int64_t>(index.size()),
            static_cast<int64_t>(after.size()),
            block,
            before.data(),
            index.data(),
            after.data()};
  }
};

Blocks blocks_of(const Tensor& x, const Dims& dims, const Tensor& places, bool front) {
  Blocks out;
  Dims before, after;
  for (int64_t d = 0, k = 0; d < x.ndim(); d++) {
    if (k < dims.size() && dims[k] == d) {
      k++;
    } else {
      (!front && k == 0 ? before : after).push_back(d);
    }
  }
  while (!after.empty() && x.stride(after.back()) == out.block) {
    out.block *= x.size(after.back());
    after.resize(after.size() - 1);
  }
  out.before = Offsets(x, before).at;
  out.after = Offsets(x, after).at;
  const int64_t* at = places.data<int64_t>();
  int64_t n = places.numel();
  out.index.assign(at, at + n);
  bool joined = true;  // the indexed dimensions are one run of memory
  for (int64_t k = 0; k + 1 < dims.size(); k++)
    joined &= x.stride(dims[k]) == x.stride(dims[k + 1]) * x.size(dims[k + 1]);
  if (joined) {
    int64_t stride = dims.empty() ? 0 : x.stride(dims.back());
    for (int64_t i = 0; i < n; i++) out.index[i] *= stride;
    return out;
  }
  for (int64_t i = 0; i < n; i++) {
    int64_t rest = out.index[i], offset = 0;
    for (int64_t k = dims.size() - 1; k >= 0; k--) {
      offset += rest % x.size(dims[k]) * x.stride(dims[k]);
      rest /= x.size(dims[k]);
    }
    out.index[i] = offset;
  }
  return out;
}

void take_into(const Tensor& out, const Tensor& x, const Places& p) {
  if (out.numel() == 0 || !out.device().is_cpu()) return;
  Blocks blocks = blocks_of(x, p.dims, p.at, p.front);
  kernels().take_blocks(x.item_size(), blocks.plan(), x.raw(), out.raw());
}

// values: contiguous, of p.result's shape and x's dtype.
void write_into(const Tensor& x, const Places& p, const Tensor& values, bool accumulate) {
  common_device("index_put", std::array{&x, &values});
  if (values.numel() == 0 || !x.device().is_cpu()) return;
  Blocks blocks = blocks_of(x, p.dims, p.at, p.front);
  if (accumulate) {
    kernels().add_blocks(x.dtype(), blocks.plan(), x.raw(), values.raw());
  } else {
    kernels().put_blocks(x.item_size(), blocks.plan(), x.raw(), values.raw());
  }
}

Dims result_shape(const Tensor& x, const Dims& dims, const Dims& places, bool front) {
  Dims shape;
  if (front)
    for (int64_t n : places) shape.push_back(n);
  for (int64_t d = 0, k = 0; d < x.ndim(); d++) {
    if (k < dims.size() && dims[k] == d) {
      if (k == 0 && !front)
        for (int64_t n : places) shape.push_back(n);
      k++;
    } else {
      shape.push_back(x.size(d));
    }
  }
  return shape;
}

Places along(const Tensor& x, int64_t dim, const Tensor& index) {
  Tensor flat = index.ndim() == 1 ? index : view(index, {index.numel()});
  return {{dim}, flat, false, result_shape(x, {dim}, flat.shape(), false)};
}

// ---- places of masks and index tensors

Tensor mask_places(const Tensor& mask) {
  Tensor bits = plain_as(mask, DType::Bool);
  int64_t n = bits.numel();
  std::vector<int64_t> starts(n / 4096 + 2);
  Tensor out = empty(Dims{kernels().count_mask(bits.data<uint8_t>(), n, starts.data())}, DType::Int64);
  kernels().mask_places(bits.data<uint8_t>(), n, starts.data(), out.data<int64_t>());
  return out;
}

// One index tensor: the dimensions it stands for and its places in them, not negative.
struct Entry {
  int64_t dim, dims, size;
  Tensor at;
};

Entry entry_of(const Tensor& x, const Tensor& index, int64_t dim, int64_t position) {
  DType t = index.dtype();
  if (t == DType::Bool || t == DType::UInt8) {
    int64_t n = index.ndim(), size = 1;
    FL_CHECK(dim + n <= x.ndim(), Index, "index", "too many indices for tensor of dimension ", x.ndim());
    for (int64_t d = 0; d < n; d++) {
      FL_CHECK(index.size(d) == x.size(dim + d), Index, "index", "The shape of the mask ", index.shape(), " at index ",
               d, " does not match the shape of the indexed tensor ", x.shape(), " at index ", dim + d);
      size *= x.size(dim + d);
    }
    return {dim, n, size, mask_places(index)};
  }
  FL_CHECK(is_index(t), Index, "index", "tensors used as indices must be long, int, byte or bool tensors, got ",
           name(t), " at position ", position);
  FL_CHECK(dim < x.ndim(), Index, "index", "too many indices for tensor of dimension ", x.ndim());
  int64_t size = x.size(dim);
  Tensor at = plain_as(index, DType::Int64);
  if (!at.device().is_cpu()) return {dim, 1, size, at};
  const int64_t* values = at.data<int64_t>();
  int64_t n = at.numel(), bad = kernels().out_of_range(values, n, -size, size);
  if (bad >= 0) out_of_bounds("index", values[bad], "index tensor's", bad, dim, size);
  if (kernels().out_of_range(values, n, 0, size) >= 0) {
    if (at.is(index) || at->storage == index->storage) at = clone(at);
    for (int64_t i = 0; i < n; i++) at.data<int64_t>()[i] += values[i] < 0 ? size : 0;
  }
  return {dim, 1, size, at};
}

}  // namespace

Places resolve_index(const Tensor& x, std::span<const Tensor> index) {
  std::vector<Entry> entries;
  int64_t dim = 0, position = 0;
  for (const Tensor& t : index) {
    if (t.defined()) entries.push_back(entry_of(x, t, dim, position));
    dim += t.defined() ? entries.back().dims : 1;
    position++;
  }
  FL_CHECK(dim <= x.ndim(), Index, "index", "too many indices for tensor of dimension ", x.ndim());
  Places out;
  Dims shape;
  bool adjacent = true;
  for (size_t k = 0; k < entries.size(); k++) {
    const Entry& e = entries[k];
    adjacent &= k == 0 || entries[k - 1].dim + entries[k - 1].dims == e.dim;
    for (int64_t d = 0; d < e.dims; d++) out.dims.push_back(e.dim + d);
    try {
      shape = k == 0 ? e.at.shape() : broadcast_shapes(shape, e.at.shape(), "index");
    } catch (const Error&) {
      FL_FAIL(Index, "index", "shape mismatch: indexing tensors could not be broadcast together with shapes ", shape,
              ", ", e.at.shape());
    }
  }
  GradMode no_grad(false);
  for (size_t k = 0; k < entries.size(); k++) {
    Tensor part = expand(entries[k].at, shape);
    out.at = k == 0 ? part : add(mul(out.at, weak_scalar(entries[k].size)), part);
  }
  out.at = contiguous(out.at);
  out.front = !adjacent;
  out.result = result_shape(x, out.dims, shape, out.front);
  return out;
}

// ---- the two primitives behind x[...] and x[...] = v

namespace {

std::shared_ptr<void> pack(const Places& p) {
  return std::make_shared<Places>(Places{p.dims, Tensor(), p.front, p.result});
}
Places unpack(Backward& b) {
  Places p = *std::static_pointer_cast<Places>(b.attr<std::shared_ptr<void>>(0));
  p.at = b.saved(0);
  return p;
}

Tensor take_places(const Tensor& x, const Places& p);
Tensor put_places(const Tensor& x, const Places& p, const Tensor& values, bool accumulate);

void take_vjp(Backward& b) {
  b.set(0, put_places(zeros(b.attr<Dims>(1), b.grad().dtype(), b.grad().device()), unpack(b), b.grad(), true));
}
const Op take_op{"advanced_index", take_vjp};

void put_vjp(Backward& b) {
  Places p = unpack(b);
  bool accumulate = b.attr<bool>(1);
  if (b.needs(0)) {
    if (accumulate) {
      b.set(0, b.grad());
    } else {
      b.set(0, put_places(b.grad(), p, zeros(p.result, b.grad().dtype(), b.grad().device()), false));
    }
  }
  if (b.needs(1)) b.set(1, take_places(b.grad(), p));
}
const Op put_op{"index_put", put_vjp};

Tensor take_places(const Tensor& x, const Places& p) {
  Tensor out = empty(p.result, x.dtype(), x.device());
  take_into(out, x, p);
  return record(take_op, {&x}, {pack(p), x.shape()}, {p.at}, out);
}

Tensor put_places(const Tensor& x, const Places& p, const Tensor& values, bool accumulate) {
  Tensor out = copy_of(x);
  write_into(out, p, plain(values), accumulate);
  return record(put_op, {&x, &values}, {pack(p), accumulate}, {p.at}, out);
}

Tensor put_places_(const Tensor& x, const Places& p, const Tensor& values, bool accumulate) {
  Tensor source = apart(values, x);
  InplaceRecord recording(put_op, {&x, &values}, x);
  write_into(x, p, source, accumulate);
  recording.finish({pack(p), accumulate}, {p.at});
  return x;
}

// A mask of x's own shape: no places are needed unless a derivative asks for them.
bool is_whole_mask(const Tensor& x, std::span<const Tensor> index) {
  return index.size() == 1 && index[0].defined() && index[0].dtype() == DType::Bool && index[0].ndim() > 0 &&
         index[0].shape() == x.shape();
}

}  // namespace

Tensor index(const Tensor& x, std::span<const Tensor> index) {
  if (is_whole_mask(x, index)) return masked_select(x, index[0]);
  return take_places(x, resolve_index(x, index));
}

Tensor index_put(const Tensor& x, std::span<const Tensor> index, const Tensor& values, bool accumulate, bool in_place) {
  FL_CHECK(values.dtype() == x.dtype(), DType, "index_put",
           "Index put requires the source and destination dtypes match, got ", info(x.dtype()).title,
           " for the destination and ", info(values.dtype()).title, " for the source; write values.to(",
           name(x.dtype()), ")");
  Places p = resolve_index(x, index);
  Dims shape;
  Tensor trimmed = values;
  while (trimmed.ndim() > p.result.size() && trimmed.size(0) == 1) trimmed = select(trimmed, 0, 0);
  bool fits = trimmed.ndim() <= p.result.size();
  for (int64_t i = 0; fits && i < trimmed.ndim(); i++) {
    int64_t have = trimmed.size(trimmed.ndim() - 1 - i);
    fits = have == 1 || have == p.result[p.result.size() - 1 - i];
  }
  FL_CHECK(fits, Shape, "index_put", "shape mismatch: value tensor of shape ", values.shape(),
           " cannot be broadcast to indexing result of shape ", p.result);
  Tensor spread = expand(trimmed, p.result);
  return in_place ? put_places_(x, p, spread, accumulate) : put_places(x, p, spread, accumulate);
}

// ---- along one dimension, whole slices

namespace {

// x as at least one-dimensional, for the functions that take a 0-dim tensor as one of size 1.
Tensor as_vector(const Tensor& x) { return x.ndim() ? x : view(x, {1}); }

Tensor vector_index(const char* op, const Tensor& index) {
  FL_CHECK(is_index(index.dtype()), Runtime, op, op, "(): Expected dtype int32 or int64 for index, got ",
           name(index.dtype()));
  FL_CHECK(index.ndim() <= 1, Index, op, op, "(): Index is supposed to be a vector, got shape ", index.shape());
  return index.ndim() ? index : view(index, {1});
}

void check_slices(const char* op, const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  FL_CHECK(x.dtype() == source.dtype(), DType, op, op, "(): self (", info(x.dtype()).title, ") and source (",
           info(source.dtype()).title, ") must have the same scalar type");
  FL_CHECK(source.ndim() == x.ndim(), Shape, op, "source must have as many dimensions as self: self ", x.shape(),
           ", source ", source.shape());
  FL_CHECK(std::string_view(op) != "index_copy" || x.ndim() == 0 || source.size(dim) == index.numel(), Index, op,
           "Number of indices (", index.numel(), ") should be equal to source.size(dim) (", source.size(dim), ")");
  for (int64_t d = 0; d < x.ndim(); d++)
    FL_CHECK(source.size(d) == (d == dim ? index.numel() : x.size(d)), Shape, op,
             "source tensor shape must match self tensor shape, excluding the specified dimension, where it has one "
             "slice per index: self ",
             x.shape(), ", source ", source.shape(), ", dim ", dim, ", ", index.numel(), " indices");
}

void index_select_vjp(Backward& b) {
  b.set(0, index_add(zeros(b.attr<Dims>(1), b.grad().dtype(), b.grad().device()), b.attr<int64_t>(0), b.saved(0),
                     b.grad(), false));
}
const Op index_select_op{"index_select", index_select_vjp};

void index_add_vjp(Backward& b) {
  if (b.needs(0)) b.set(0, b.grad());
  if (b.needs(1)) b.set(1, index_select(b.grad(), b.attr<int64_t>(0), b.saved(0)));
}
const Op index_add_op{"index_add", index_add_vjp};

void index_copy_vjp(Backward& b) {
  int64_t dim = b.attr<int64_t>(0);
  Tensor at = b.saved(0);
  if (b.needs(0)) b.set(0, index_fill(b.grad(), dim, at, weak_scalar(int64_t{0}), false));
  if (b.needs(1)) b.set(1, index_select(b.grad(), dim, at));
}
const Op index_copy_op{"index_copy", index_copy_vjp};

void index_fill_vjp(Backward& b) {
  int64_t dim = b.attr<int64_t>(0);
  Tensor at = b.saved(0);
  if (b.needs(0)) b.set(0, index_fill(b.grad(), dim, at, weak_scalar(int64_t{0}), false));
  if (!b.needs(1)) return;
  Tensor filled =
      index_fill(zeros(b.grad().shape(), DType::Bool, b.grad().device()), dim, at, weak_scalar(true), false);
  b.set(1, sum(where(filled, b.grad(), 0.0), {}, false));  // an index named twice fills once
}
const Op index_fill_op{"index_fill", index_fill_vjp};

// Writes slices of `source` into x.
Tensor write_slices(const Op& op, const Tensor& x, int64_t dim, const Tensor& at, const Tensor& source, bool accumulate,
                    bool in_place) {
  if (in_place) {
    Tensor values = apart(source, x);
    InplaceRecord recording(op, {&x, &source}, x);
    write_into(as_vector(x), along(as_vector(x), dim, at), values, accumulate);
    recording.finish({dim}, {at});
    return x;
  }
  Tensor out = copy_of(x), target = alias(out, as_vector(out).shape(), as_vector(out).strides(), out->offset);
  write_into(target, along(target, dim, at), plain(source), accumulate);
  return record(op, {&x, &source}, {dim}, {at}, out);
}

}  // namespace

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  dim = wrap_dim(dim, x.ndim(), "index_select");
  Tensor line = vector_index("index_select", index);
  FL_CHECK(x.ndim() > 0 || line.numel() == 1, Index, "index_select",
           "index_select(): Index to scalar can have only 1 value, got ", line.numel(), " value(s)");
  GradMode quiet(grad_enabled());
  Tensor source = x.ndim() ? x : alias(x, {1}, {1}, x->offset);
  Tensor at = checked_index("index_select", line, dim, source.size(dim));
  Places p = along(source, dim, at);
  Tensor out = empty(p.result, x.dtype(), x.device());
  take_into(out, source, p);
  if (x.ndim() == 0) out = alias(out, {}, {}, 0);
  return record(index_select_op, {&x}, {dim, x.shape()}, {at}, out);
}

Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, bool in_place) {
  dim = wrap_dim(dim, x.ndim(), "index_add");
  Tensor line = vector_index("index_add", index);
  if (x.ndim()) check_slices("index_add", x, dim, line, source);
  FL_CHECK(x.ndim() > 0 || (source.numel() == line.numel() && x.dtype() == source.dtype()), Shape, "index_add",
           "a 0-dim self takes one element of its dtype per index, got source ", source.shape(), " ",
           name(source.dtype()));
  Tensor at = checked_index("index_add", line, dim, x.ndim() ? x.size(dim) : 1);
  return write_slices(index_add_op, x, dim, at, source, true, in_place);
}

Tensor index_copy(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, bool in_place) {
  dim = wrap_dim(dim, x.ndim(), "index_copy");
  FL_CHECK(index.dtype() == DType::Int64, Runtime, "index_copy",
           "index_copy_(): Expected a long tensor for index, but got ", info(index.dtype()).title);
  Tensor line = vector_index("index_copy", index);
  if (x.ndim() && !(source.ndim() == 0 && line.numel() == 1)) check_slices("index_copy", x, dim, line, source);
  FL_CHECK(x.dtype() == source.dtype(), DType, "index_copy",
           "index_copy_(): self and source expected to have the same dtype, but got (self) ", info(x.dtype()).title,
           " and (source) ", info(source.dtype()).title);
  Tensor at = checked_index("index_copy", line, dim, x.ndim() ? x.size(dim) : 1);
  FL_CHECK(source.numel() == (x.ndim() && x.size(dim) ? x.numel() / x.size(dim) * line.numel() : line.numel()), Shape,
           "index_copy", "source ", source.shape(), " does not hold one slice of self ", x.shape(), " per index");
  return write_slices(index_copy_op, x, dim, at, source, false, in_place);
}

Tensor index_fill(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& value, bool in_place) {
  dim = wrap_dim(dim, x.ndim(), "index_fill");
  FL_CHECK(index.dtype() == DType::Int64, Index, "index_fill", "index_fill_(): Expected dtype int64 for index, got ",
           name(index.dtype()));
  FL_CHECK(value.ndim() == 0, Runtime, "index_fill",
           "index_fill_ only supports a 0-dimensional value tensor, but got tensor with ", value.ndim(),
           " dimension(s).");
  FL_CHECK(!is_complex(value.dtype()) || is_complex(x.dtype()), Runtime, "index_fill",
           "index_fill_(): Converting complex Scalar to non-complex type is not supported");
  Tensor line = plain(vector_index("index_fill", index));
  int64_t size = x.ndim() ? x.size(dim) : 1, n = line.numel();
  Tensor at = clone(line);
  if (line.device().is_cpu()) {
    const int64_t* given = line.data<int64_t>();
    int64_t bad = kernels().out_of_range(given, n, -size, size);
    if (bad >= 0) out_of_bounds("index_fill", given[bad], "index", bad, dim, size);
    for (int64_t i = 0; i < n; i++) at.data<int64_t>()[i] += given[i] < 0 ? size : 0;
  }
  auto write = [&](const Tensor& target) {
    Tensor wide = target.ndim() ? target : alias(target, {1}, {1}, target->offset);
    Places p = along(wide, dim, at);
    write_into(wide, p, plain(expand(to_device(plain_as(value, x.dtype()), x.device()), p.result)), false);
  };
  if (in_place) {
    InplaceRecord recording(index_fill_op, {&x, &value}, x);
    write(x);
    recording.finish({dim}, {at});
    return x;
  }
  Tensor out = copy_of(x);
  write(out);
  return record(index_fill_op, {&x, &value}, {dim}, {at}, out);
}

// ---- along one dimension, element by element

namespace {

struct DimWalk {
  Dims sizes, strides;
  DimPlan plan;
  DimWalk(const Tensor& x, int64_t dim, const Dims& shape) {
    int64_t n = shape.size();
    for (int64_t d = 0; d + 1 < n; d++) {
      sizes.push_back(shape[d]);
      strides.push_back(d == dim ? 0 : x.stride(d));
    }
    int64_t inner = n ? shape.back() : 1, rows = 1;
    for (int64_t s : sizes) rows *= s;
    bool dim_is_inner = n == 0 || dim == n - 1;
    int64_t dim_stride = n ? x.stride(dim) : 0;
    plan = {static_cast<int>(sizes.size()),     sizes.data(), strides.data(), rows, inner,
            dim_is_inner ? 0 : x.stride(n - 1), dim_stride,   dim_is_inner};
  }
};

// The index of gather and scatter: as many dimensions as x, no larger outside of dim.
Tensor element_index(const char* op, const Tensor& x, int64_t dim, const Tensor& index) {
  if (index.numel() == 0) return index;
  FL_CHECK(is_index(index.dtype()), Runtime, op, op, "(): Expected dtype int32/int64 for index, got ",
           name(index.dtype()));
  int64_t rank = std::max<int64_t>(x.ndim(), 1);
  FL_CHECK(std::max<int64_t>(index.ndim(), 1) == rank, Shape, op,
           "Index tensor must have the same number of dimensions as input tensor: index ", index.shape(), ", input ",
           x.shape());
  for (int64_t d = 0; d < x.ndim() && d < index.ndim(); d++)
    FL_CHECK(d == dim || index.size(d) <= x.size(d), Shape, op, "Size does not match at dimension ", d,
             " expected index ", index.shape(), " to be no larger than self ", x.shape(), " apart from dimension ",
             dim);
  return checked_index(op, index, dim, x.ndim() ? x.size(dim) : 1);
}

// The part of a source that an index covers, dense.
Tensor covered(const char* op, const Tensor& source, const Tensor& at, const Tensor& target) {
  FL_CHECK(source.dtype() == target.dtype(), DType, op, "scatter(): Expected self.dtype to be equal to src.dtype, got ",
           name(target.dtype()), " and ", name(source.dtype()));
  FL_CHECK(std::max<int64_t>(source.ndim(), 1) == std::max<int64_t>(at.ndim(), 1), Shape, op,
           "Index tensor must have the same number of dimensions as src tensor: index ", at.shape(), ", src ",
           source.shape());
  Tensor part = source;
  for (int64_t d = 0; d < source.ndim() && d < at.ndim(); d++) {
    FL_CHECK(at.size(d) <= source.size(d), Shape, op, "Expected index ", at.shape(), " to be no larger than self ",
             target.shape(), " apart from the dimension and to be no larger size than src ", source.shape());
    if (at.size(d) < source.size(d)) part = narrow(part, d, 0, at.size(d));
  }
  return part;
}

void gather_vjp(Backward& b) {
  b.set(0, scatter_add(zeros(b.attr<Dims>(1), b.grad().dtype(), b.grad().device()), b.attr<int64_t>(0), b.saved(0),
                       b.grad(), true));
}
const Op gather_op{"gather", gather_vjp};

Tensor zeros_for(const Tensor& at, const Tensor& g) { return zeros(at.shape(), g.dtype(), g.device()); }

void scatter_vjp(Backward& b) {
  int64_t dim = b.attr<int64_t>(0);
  Tensor at = b.saved(0);
  if (b.needs(0)) b.set(0, scatter(b.grad(), dim, at, zeros_for(at, b.grad()), false));
  if (b.needs(1)) b.set(1, gather(b.grad(), dim, at));
}
const Op scatter_op{"scatter", scatter_vjp};

void scatter_add_vjp(Backward& b) {
  if (b.needs(0)) b.set(0, b.grad());
  if (b.needs(1)) b.set(1, gather(b.grad(), b.attr<int64_t>(0), b.saved(0)));
}
const Op scatter_add_op{"scatter_add", scatter_add_vjp};

void scatter_into(const Tensor& target, int64_t dim, const Tensor& at, const Tensor& source, const Reduce* how) {
  common_device("scatter", std::array{&target, &at, &source});
  if (at.numel() == 0 || !target.device().is_cpu()) return;
  Tensor values = plain(source);
  DimWalk walk(target, dim, target.ndim() ? at.shape() : Dims{});
  if (!target.ndim()) walk.plan.inner = at.numel();
  const int64_t* index = at.data<int64_t>();
  if (how) {
    kernels().scatter_reduce(target.dtype(), *how, walk.plan, target.raw(), index, values.raw());
  } else {
    kernels().scatter(target.item_size(), walk.plan, target.raw(), index, values.raw());
  }
}

Tensor scatter_any(const Op& op, const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                   const Reduce* how, bool in_place) {
  dim = wrap_dim(dim, x.ndim(), op.name);
  Tensor at = element_index(op.name, x, dim, index);
  if (at.numel() == 0) {
    if (in_place) bump_version(x, op.name);  // nothing was written, but it counts as a write
    return in_place ? x : clone(x);
  }
  Tensor part = covered(op.name, source, at, x);
  if (part.ndim() != at.ndim()) at = view(at, part.shape());  // one of them is 0-dim
  if (in_place) {
    Tensor values = apart(part, x);
    InplaceRecord recording(op, {&x, &part}, x);
    scatter_into(x, dim, at, values, how);
    recording.finish({dim}, {at});
    return x;
  }
  Tensor out = copy_of(x);
  scatter_into(out, dim, at, part, how);
  return record(op, {&x, &part}, {dim}, {at}, out);
}

}  // namespace

Tensor gather(const Tensor& x, int64_t dim, const Tensor& index) {
  dim = wrap_dim(dim, x.ndim(), "gather");
  Tensor at = element_index("gather", x, dim, index);
  Tensor out = empty(index.shape(), x.dtype(), common_device("gather", std::array{&x, &index}));
  if (out.numel() && out.device().is_cpu()) {
    DimWalk walk(x, dim, x.ndim() ? at.shape() : Dims{});
    if (!x.ndim()) walk.plan.inner = at.numel();
    kernels().gather(x.item_size(), walk.plan, x.raw(), at.data<int64_t>(), out.raw());
  }
  return record(gather_op, {&x}, {dim, x.shape()}, {at}, out);
}

Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, bool in_place) {
  return scatter_any(scatter_op, x, dim, index, source, nullptr, in_place);
}

Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, bool in_place) {
  Reduce how = Reduce::Sum;
  return scatter_any(scatter_add_op, x, dim, index, source, &how, in_place);
}

Tensor scatter_combine(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, Reduce how) {
  dim = wrap_dim(dim, x.ndim(), "scatter_reduce");
  FL_CHECK(!is_complex(x.dtype()) || how == Reduce::Sum || how == Reduce::Prod, NotImplemented, "scatter_reduce",
           "\"scatter_reduce\" with amax and amin is not implemented for '", info(x.dtype()).title, "'");
  Tensor at = element_index("scatter_reduce", x, dim, index), out = copy_of(x);
  if (at.numel()) scatter_into(out, dim, at, covered("scatter_reduce", source, at, x), &how);
  return out;
}

// ---- flat places

namespace {

Tensor flat_index(const char* op, const Tensor& x, const Tensor& index) {
  FL_CHECK(index.dtype() == DType::Int64, Runtime, op, op, "(): Expected a long tensor for index, but got ",
           info(index.dtype()).title);
  int64_t size = x.numel(), n = index.numel();
  FL_CHECK(size > 0 || n == 0, Index, op, op, "(): tried to take from an empty tensor");
  Tensor at = clone(plain(index), MemoryFormat::Contiguous);
  if (!at.device().is_cpu()) return at;
  int64_t* values = at.data<int64_t>();
  int64_t bad = kernels().out_of_range(values, n, -size, size);
  FL_CHECK(bad < 0, Index, op, "out of range: tried to access index ", values[bad], " (element ", bad,
           " of index) on a tensor of ", size, " elements; valid are [", -size, ", ", size, ")");
  for (int64_t i = 0; i < n; i++) values[i] += values[i] < 0 ? size : 0;
  return at;
}

Places flat_places(const Tensor& x, const Tensor& at) {
  Dims dims;
  for (int64_t d = 0; d < x.ndim(); d++) dims.push_back(d);
  return {dims, at, true, at.shape()};
}

}  // namespace

Tensor take(const Tensor& x, const Tensor& index) {
  return take_places(x, flat_places(x, flat_index("take", x, index)));
}

Tensor put(const Tensor& x, const Tensor& index, const Tensor& source, bool accumulate, bool in_place) {
  FL_CHECK(source.numel() == index.numel(), Index, "put_",
           "put_(): Expected source and index to have the same number of elements, but got source.numel() = ",
           source.numel(), ", index.numel() = ", index.numel());
  FL_CHECK(x.dtype() == source.dtype(), DType, "put_",
           "put_(): self and source expected to have the same dtype, but got self.dtype = ", info(x.dtype()).title,
           " and source.dtype = ", info(source.dtype()).title);
  Places p = flat_places(x, flat_index("put_", x, index));
  Tensor values = reshape(source, p.result);
  return in_place ? put_places_(x, p, values, accumulate) : put_places(x, p, values, accumulate);
}

// ---- masks

namespace {

void need_mask(const char* op, const Tensor& mask) {
  FL_CHECK(mask.dtype() == DType::Bool, Runtime, op, op, " only supports boolean masks, but got mask with dtype ",
           name(mask.dtype()), "; write mask.bool()");
}

void masked_fill_vjp(Backward& b) {
  Tensor mask = b.saved(0);
  if (b.needs(0)) b.set(0, masked_fill(b.grad(), mask, weak_scalar(int64_t{0}), false));
  if (b.needs(1))
    b.set(1, sum(masked_fill(b.grad(), eq(mask, weak_scalar(false)), weak_scalar(int64_t{0}), false), {}, false));
}
const Op masked_fill_op{"masked_fill", masked_fill_vjp};

void masked_select_vjp(Backward& b) {
  const Dims& shape = b.attr<Dims>(0);
  Tensor mask = b.saved(0);
  Tensor g = masked_scatter(zeros(mask.shape(), b.grad().dtype(), b.grad().device()), mask, b.grad(), false);
  b.set(0, sum_to(g, shape));
}
const Op masked_select_op{"masked_select", masked_select_vjp};

void masked_scatter_vjp(Backward& b) {
  Tensor mask = b.saved(0);
  if (b.needs(0)) b.set(0, masked_fill(b.grad(), mask, weak_scalar(int64_t{0}), false));
  if (!b.needs(1)) return;
  const Dims& shape = b.attr<Dims>(0);
  if (!mask.device().is_cpu()) return b.set(1, zeros(shape, b.grad().dtype(), mask.device()));
  Tensor chosen = masked_select(b.grad(), mask);
  int64_t n = count(shape), k = chosen.numel();
  Tensor all = zeros(Dims{n}, chosen.dtype());
  if (k > 0) {
    Tensor places = empty(Dims{k}, DType::Int64);
    std::iota(places.data<int64_t>(), places.data<int64_t>() + k, 0);
    all = index_copy(all, 0, places, chosen, false);
  }
  b.set(1, reshape(all, shape));
}
const Op masked_scatter_op{"masked_scatter", masked_scatter_vjp};

// Where the mask is set, a number; x, mask and value broadcast to `out`.
void fill_where(const Tensor& out, const Tensor& x, const Tensor& mask, const Tensor& value) {
  GradMode no_grad(false);
  Tensor number = detach(value);
  if (number.dtype() != x.dtype()) number = to_dtype(number, x.dtype());
  Tensor spread = expand(detach(x), out.shape());
  copy_(out, where(mask, number, spread));
}

struct Mask {
  Tensor bits;
  std::vector<int64_t> starts;
  int64_t count;
  explicit Mask(const Tensor& mask) : bits(plain(mask)), starts(bits.numel() / 4096 + 2) {
    count = kernels().count_mask(bits.data<uint8_t>(), bits.numel(), starts.data());
  }
};

void scatter_masked(const Tensor& target, const Tensor& where, const Tensor& source) {
  if (!common_device("masked_scatter", std::array{&target, &where, &source}).is_cpu()) return;
  const Mask mask(where);
  FL_CHECK(source.numel() >= mask.count, Runtime, "masked_scatter",
           "Number of elements of source < number of ones in mask: ", source.numel(), " < ", mask.count);
  Tensor values = apart(source, target), whole = target.is_contiguous() ? target : plain(target);
  kernels().expand(target.item_size(), whole.raw(), mask.bits.data<uint8_t>(), mask.bits.numel(), mask.starts.data(),
                   values.raw());
  if (!target.is_contiguous()) {
    GradMode no_grad(false);
    cpu_kernels().pointwise.copy(target, whole);
  }
}

}  // namespace

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value, bool in_place) {
  need_mask("masked_fill", mask);
  FL_CHECK(value.ndim() == 0, Runtime, "masked_fill",
           "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ", value.ndim(),
           " dimension(s).");
  FL_CHECK(is_complex(x.dtype()) || !is_complex(value.dtype()), Runtime, "masked_fill",
           "value cannot be converted to type ", name(x.dtype()), " without overflow: it is complex");
  Dims shape = broadcast_shapes(x.shape(), mask.shape(), "masked_fill");
  if (in_place) {
    FL_CHECK(shape == x.shape(), Shape, "masked_fill_", "output with shape ", x.shape(),
             " doesn't match the broadcast shape ", shape);
    InplaceRecord recording(masked_fill_op, {&x, &value}, x);
    fill_where(x, x, mask, value);
    recording.finish({}, {mask});
    return x;
  }
  Tensor out;
  {
    GradMode no_grad(false);
    Tensor number = detach(value);
    out = where(mask, number.dtype() == x.dtype() ? number : to_dtype(number, x.dtype()), detach(x));
  }
  return record(masked_fill_op, {&x, &value}, {}, {mask}, out);
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  FL_CHECK(mask.dtype() == DType::Bool, Runtime, "masked_select", "masked_select: expected BoolTensor for mask, got ",
           name(mask.dtype()), "; write mask.bool()");
  Dims shape = broadcast_shapes(x.shape(), mask.shape(), "masked_select");
  Mask spread(shape == mask.shape() ? mask : expand(mask, shape));
  Tensor source = plain(shape == x.shape() ? x : expand(detach(x), shape));
  Tensor out = empty(Dims{spread.count}, x.dtype());
  kernels().compress(x.item_size(), source.raw(), spread.bits.data<uint8_t>(), source.numel(), spread.starts.data(),
                     out.raw());
  if (!needs_grad({&x})) return out;
  Tensor kept = spread.bits->storage == mask->storage ? clone(spread.bits) : spread.bits;
  return record(masked_select_op, {&x}, {x.shape()}, {kept}, out);
}

Tensor masked_scatter(const Tensor& x, const Tensor& mask, const Tensor& source, bool in_place) {
  need_mask("masked_scatter", mask);
  FL_CHECK(x.dtype() == source.dtype(), DType, "masked_scatter",
           "masked_scatter: expected self and source to have same dtypes but got ", info(x.dtype()).title, " and ",
           info(source.dtype()).title);
  Dims shape = broadcast_shapes(x.shape(), mask.shape(), "masked_scatter");
  FL_CHECK(!in_place || shape == x.shape(), Shape, "masked_scatter_", "output with shape ", x.shape(),
           " doesn't match the broadcast shape ", shape);
  const Tensor spread = plain(shape == mask.shape() ? mask : expand(mask, shape));
  if (in_place) {
    InplaceRecord recording(masked_scatter_op, {&x, &source}, x);
    scatter_masked(x, spread, source);
    recording.finish({source.shape()}, {spread});
    return x;
  }
  Tensor base = shape == x.shape() ? x : expand(x, shape), out = clone(plain(base), MemoryFormat::Contiguous);
  scatter_masked(out, spread, source);
  return record(masked_scatter_op, {&base, &source}, {source.shape()}, {spread}, out);
}

Tensor nonzero(const Tensor& x) {
  Tensor at = mask_places(x);
  int64_t n = at.numel(), rank = x.ndim();
  Tensor out = empty(Dims{n, rank}, DType::Int64);
  const int64_t* flat = at.data<int64_t>();
  int64_t* rows = out.data<int64_t>();
  if (rank == 1) {
    std::copy(flat, flat + n, rows);
    return out;
  }
  if (rank == 0 || n == 0) return out;
  // Places come in order: from one to the next only the last dimensions move, and a division is rare.
  int64_t width = x.size(rank - 1);
  parallel_for(n, 8192, [=, &x](int64_t begin, int64_t end) {
    int64_t start = 0;  // of the line
    for (int64_t i = begin; i < end; i++) {
      int64_t* row = rows + i * rank;
      if (i == begin || flat[i] - start >= width) {
        int64_t rest = flat[i] / width;
        start = rest * width;
        for (int64_t d = rank - 2; d >= 0; d--) {
          row[d] = rest % x.size(d);
          rest /= x.size(d);
        }
      } else {
        for (int64_t d = 0; d < rank - 1; d++) row[d] = row[d - rank];
      }
      row[rank - 1] = flat[i] - start;
    }
  });
  return out;
}

// ---- reordering whole dimensions

namespace {

void flip_vjp(Backward& b) { b.set(0, flip(b.grad(), b.attr<Dims>(0))); }
const Op flip_op{"flip", flip_vjp};

void roll_vjp(Backward& b) {
  Dims back = b.attr<Dims>(0);
  for (int64_t& s : back) s = -s;
  b.set(0, roll(b.grad(), back, b.attr<Dims>(1)));
}
const Op roll_op{"roll", roll_vjp};

// Writes x, rolled along dims[at:], to out: each dimension falls into two pieces that change places.
void write_rolled(const Tensor& out, const Tensor& x, const Dims& dims, const Dims& shifts, int64_t at) {
  while (at < dims.size() && shifts[at] == 0) at++;
  if (at == dims.size()) {
    copy_(out, x);
    return;
  }
  int64_t d = dims[at], shift = shifts[at], n = x.size(d);
  write_rolled(slice(out, d, shift, n), slice(x, d, 0, n - shift), dims, shifts, at + 1);
  write_rolled(slice(out, d, 0, shift), slice(x, d, n - shift, n), dims, shifts, at + 1);
}

}  // namespace

// A copy of x read backwards along some dimensions.
Tensor flip(const Tensor& x, const Dims& dims) {
  uint64_t mask = dims.empty() ? 0 : dims_mask(dims, std::max<int64_t>(x.ndim(), 1), "flip");
  Dims strides = x.strides();
  int64_t offset = x->offset;
  for (int64_t d = 0; d < x.ndim(); d++) {
    if (!(mask >> d & 1) || x.size(d) < 2) continue;
    offset += (x.size(d) - 1) * strides[d];
    strides[d] = -strides[d];
  }
  Tensor out = mask ? empty(x.shape(), x.dtype(), x.device()) : empty_like(x);
  if (x.numel()) kernels_of(out).pointwise.copy(out, alias(x, x.shape(), strides, offset));
  return record(flip_op, {&x}, {dims}, {}, out);
}

Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims) {
  FL_CHECK(!shifts.empty(), Runtime, "roll", "`shifts` required");
  FL_CHECK(dims.empty() ? shifts.size() == 1 : shifts.size() == dims.size(), Runtime, "roll",
           "shifts and dimensions must align. shifts: ", shifts.size(), ", dims:", dims.size());
  if (dims.empty()) return view(roll(reshape(x, {x.numel()}), shifts, {0}), x.shape());
  Dims moved(x.ndim(), 0), order;  // by dimension; one may be named several times
  for (int64_t k = 0; k < dims.size(); k++) {
    FL_CHECK(x.ndim() > 0, Index, "roll", "Dimension specified as ", dims[k], " but tensor has no dimensions");
    int64_t d = wrap_dim(dims[k], x.ndim(), "roll"), n = x.size(d);
    if (n) moved[d] = ((moved[d] + shifts[k] % n) % n + n) % n;
  }
  for (int64_t d = 0; d < x.ndim(); d++) order.push_back(d);
  Tensor out = empty(x.shape(), x.dtype(), x.device());
  if (x.numel()) {
    GradMode no_grad(false);
    write_rolled(out, detach(x), order, moved, 0);
  }
  return record(roll_op, {&x}, {shifts, dims}, {}, out);
}

// ---- embedding

namespace {

Tensor embedding_backward(const Tensor& g, const Tensor& at, const Dims& shape, int64_t padding,
                          bool scale_by_frequency);

void embedding_vjp(Backward& b) {
  b.set(0, embedding_backward(b.grad(), b.saved(0), b.attr<Dims>(0), b.attr<int64_t>(1), b.attr<bool>(2)));
}
const Op embedding_op{"embedding", embedding_vjp};

// Rows of g that count, scaled: what the backward adds up, and the derivative of that.
Tensor weighted(const Tensor& g, const Tensor& at, int64_t rows, int64_t padding, bool scale_by_frequency) {
  if ((padding < 0 && !scale_by_frequency) || !g.device().is_cpu()) return g;
  Tensor weight = empty(at.shape(), g.dtype() == DType::Float64 ? DType::Float64 : DType::Float32);
  std::vector<double> frequency(rows, 0.0);
  const int64_t* index = at.data<int64_t>();
  for (int64_t i = 0; i < at.numel(); i++) frequency[index[i]] += 1.0;
  for (int64_t i = 0; i < at.numel(); i++) {
    double w = index[i] == padding ? 0.0 : scale_by_frequency ? 1.0 / frequency[index[i]] : 1.0;
    weight.dtype() == DType::Float64 ? weight.data<double>()[i] = w : weight.data<float>()[i] = static_cast<float>(w);
  }
  Tensor scaled = mul(g, unsqueeze(weight, -1));
  return scaled.dtype() == g.dtype() ? scaled : to_dtype(scaled, g.dtype());
}

void embedding_backward_vjp(Backward& b) {
  Tensor at = b.saved(0);
  const Dims& shape = b.attr<Dims>(0);
  b.set(0, weighted(embedding(b.grad(), at, -1, false), at, shape[0], b.attr<int64_t>(1), b.attr<bool>(2)));
}
const Op embedding_backward_op{"embedding_backward", embedding_backward_vjp};

Tensor embedding_backward(const Tensor& g, const Tensor& at, const Dims& shape, int64_t padding,
                          bool scale_by_frequency) {
  Tensor out = zeros(shape, g.dtype(), g.device()), source;
  checked_index("embedding", at, 0, shape[0]);  // somebody may have written to it past the version counter
  {
    GradMode no_grad(false);
    source = plain(weighted(detach(g), at, shape[0], padding, scale_by_frequency));
  }
  write_into(out, along(out, 0, at), source, true);
  return record(embedding_backward_op, {&g}, {shape, padding, scale_by_frequency}, {at}, out);
}

}  // namespace

Tensor embedding(const Tensor& weight, const Tensor& index, int64_t padding, bool scale_by_frequency) {
  FL_CHECK(weight.ndim() == 2, Runtime, "embedding", "'weight' must be 2-D, got shape ", weight.shape());
  FL_CHECK(is_index(index.dtype()), Runtime, "embedding",
           "Expected tensor for argument 'indices' to have one of the following scalar types: Long, Int; got ",
           info(index.dtype()).title);
  Tensor at = plain_as(index, DType::Int64);
  const Device device = common_device("embedding", std::array{&weight, &index});
  if (at.device().is_cpu()) {
    int64_t rows = weight.size(0), bad = kernels().out_of_range(at.data<int64_t>(), at.numel(), 0, rows);
    FL_CHECK(bad < 0, Index, "embedding", "index out of range in self: index ", at.data<int64_t>()[bad], " (element ",
             bad, " of the indices) must be in [0, ", rows, "), the rows of the weight");
  }
  Dims shape = index.shape();
  shape.push_back(weight.size(1));
  Tensor out = empty(shape, weight.dtype(), device);
  take_into(out, weight, along(weight, 0, at));
  if (!needs_grad({&weight})) return out;
  return record(embedding_op, {&weight}, {weight.shape(), padding, scale_by_frequency}, {at}, out);
}

void embedding_renorm_(const Tensor& weight, const Tensor& index, double max_norm, double norm_type) {
  if (!weight.device().is_cpu()) return;
  GradMode no_grad(false);
  Tensor at = checked_index("embedding_renorm_", index, 0, weight.size(0));
  std::vector<int64_t> rows(at.data<int64_t>(), at.data<int64_t>() + at.numel());
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  Tensor line = empty(Dims{weight.size(1)}, DType::Float64);
  double* values = line.data<double>();
  for (int64_t r : rows) {
    Tensor row = select(detach(weight), 0, r);
    cpu_kernels().pointwise.copy(line, row);
    double norm = 0.0;
    for (int64_t i = 0; i < line.numel(); i++) {
      double a = std::fabs(values[i]);
      norm = std::isinf(norm_type) ? std::max(norm, a) : norm + (norm_type == 2.0 ? a * a : std::pow(a, norm_type));
    }
    if (!std::isinf(norm_type)) norm = norm_type == 2.0 ? std::sqrt(norm) : std::pow(norm, 1.0 / norm_type);
    if (norm <= max_norm) continue;
    double scale = max_norm / (norm + 1e-7);
    for (int64_t i = 0; i < line.numel(); i++) values[i] *= scale;
    cpu_kernels().pointwise.copy(row, line);
  }
  bump_version(weight, "embedding_renorm_");
}

}  // namespace flambeau::ops
