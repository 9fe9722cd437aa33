// Views: other windows on the same storage. Each is one op with a replay, and all share one derivative (embed).
#include <algorithm>

#include "core/kernels.h"
#include "ops/ops.h"
#include "ops/reduce.h"

namespace flambeau::ops {

namespace {

using AttrList = std::vector<Attr>;
const Dims& dims(const AttrList& attrs, int i) { return std::get<Dims>(attrs[i]); }
int64_t integer(const AttrList& attrs, int i) { return std::get<int64_t>(attrs[i]); }

// Every view op below keeps the shape of its base as its last attribute, for the derivative.
void view_vjp(Backward& b) {
  const Node& node = b.node();
  b.set(0, embed(b.grad(), *node.op, node.attrs, std::get<Dims>(node.attrs.back())));
}
// Of views that only rename or reorder elements: the shape is enough.
void reshape_vjp(Backward& b) { b.set(0, reshape(b.grad(), std::get<Dims>(b.node().attrs.back()))); }

}  // namespace

// ---- embed: zeros with g in the place of a view

namespace {
struct Embedding {
  const Op* op;
  AttrList attrs;
};
void embed_vjp(Backward& b) {
  auto e = std::static_pointer_cast<Embedding>(b.attr<std::shared_ptr<void>>(0));
  b.set(0, e->op->replay(b.grad(), e->attrs));
}
const Op embed_op{"embed", embed_vjp};
}  // namespace

Tensor embed(const Tensor& g, const Op& op, const AttrList& attrs, const Dims& shape) {
  Tensor out = zeros(shape, g.dtype(), g.device());
  {
    GradMode no_grad(false);
    copy_(op.replay(out, attrs), detach(g));
  }
  if (!needs_grad({&g})) return out;
  std::shared_ptr<void> packed = std::make_shared<Embedding>(Embedding{&op, attrs});
  return record(embed_op, {&g}, {packed}, {}, out);
}

// ---- shapes

Dims infer_size(DimsRef shape, int64_t numel, const char* op) {
  Dims out(shape);
  int64_t known = 1, unknown = -1;
  for (int64_t i = 0; i < out.size(); i++) {
    if (out[i] == -1) {
      FL_CHECK(unknown < 0, Runtime, op, "only one dimension can be inferred, got shape ", shape);
      unknown = i;
    } else {
      FL_CHECK(out[i] >= 0, Runtime, op, "invalid shape dimension ", out[i], " in ", shape);
      FL_CHECK(!__builtin_mul_overflow(known, out[i], &known), Runtime, op, "shape '", shape,
               "' is invalid for input of size ", numel);
    }
  }
  if (unknown >= 0) {
    FL_CHECK(known != 0, Runtime, op, "cannot reshape tensor of 0 elements into shape ", shape,
             " because the unspecified dimension size -1 can be any value and is ambiguous");
    out[unknown] = numel / known;
    known *= out[unknown];
  }
  FL_CHECK(known == numel, Runtime, op, "shape '", shape, "' is invalid for input of size ", numel);
  return out;
}

bool view_strides(const Tensor& x, DimsRef shape, Dims& strides) {
  strides = Dims(static_cast<int64_t>(shape.size()), 1);
  if (x.is_contiguous() || x.numel() == 0) {
    if (x.numel() == 0 && same(x.shape(), shape)) {
      strides = x.strides();
    } else {
      strides = contiguous_strides(shape);
    }
    return true;
  }
  // Each run of old dimensions that is one piece of memory must be cut into new ones.
  int64_t v = static_cast<int64_t>(shape.size()) - 1;
  int64_t piece = 1, covered = 1, base = x.stride(-1);
  for (int64_t d = x.ndim() - 1; d >= 0; d--) {
    piece *= x.size(d);
    bool ends = d == 0 || (x.size(d - 1) != 1 && x.stride(d - 1) != piece * base);
    if (!ends) continue;
    while (v >= 0 && (covered < piece || shape[v] == 1)) {
      strides[v] = covered * base;
      covered *= shape[v];
      v--;
    }
    if (covered != piece) return false;
    if (d > 0) {
      base = x.stride(d - 1);
      piece = covered = 1;
    }
  }
  return v == -1;
}

// ---- view, reshape

namespace {
Tensor view_replay(const Tensor& x, const AttrList& attrs) { return reshape(x, dims(attrs, 0)); }
const Op view_op{"view", reshape_vjp, view_replay};

Tensor view_with(const Tensor& x, Dims shape, Dims strides) {
  Tensor out = alias(x, shape, std::move(strides), x->offset);
  return record_view(view_op, x, {std::move(shape), x.shape()}, out);
}
}  // namespace

Tensor view(const Tensor& x, const Dims& wanted) {
  Dims shape = infer_size(wanted, x.numel(), "view"), strides;
  FL_CHECK(view_strides(x, shape, strides), Runtime, "view",
           "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
           "contiguous "
           "subspaces): shape ",
           x.shape(), ", strides ", x.strides(), ", wanted ", shape, ". Use .reshape(...) instead.");
  return view_with(x, std::move(shape), std::move(strides));
}

Tensor reshape(const Tensor& x, const Dims& wanted) {
  Dims shape = infer_size(wanted, x.numel(), "reshape"), strides;
  if (view_strides(x, shape, strides)) return view_with(x, std::move(shape), std::move(strides));
  Tensor copy = clone(x, MemoryFormat::Contiguous);
  return view_with(copy, shape, contiguous_strides(shape));
}

// ---- permute, transpose

namespace {
Tensor permute_replay(const Tensor& x, const AttrList& attrs) { return permute(x, dims(attrs, 0)); }
void permute_vjp(Backward& b) {
  const Dims& order = b.attr<Dims>(0);
  Dims inverse(order.size(), 0);
  for (int64_t i = 0; i < order.size(); i++) inverse[order[i]] = i;
  b.set(0, permute(b.grad(), inverse));
}
const Op permute_op{"permute", permute_vjp, permute_replay};
}  // namespace

Tensor permute(const Tensor& x, const Dims& wanted) {
  FL_CHECK(wanted.size() == x.ndim(), Runtime, "permute",
           "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
           "ordering of dimensions i.e. input.dim() = ",
           x.ndim(), " is not equal to len(dims) = ", wanted.size());
  Dims order(x.ndim(), 0), shape(x.ndim(), 0), strides(x.ndim(), 0);
  uint64_t seen = 0;
  for (int64_t i = 0; i < x.ndim(); i++) {
    order[i] = wrap_dim(wanted[i], x.ndim(), "permute");
    FL_CHECK(!(seen >> order[i] & 1), Runtime, "permute", "duplicate dims are not allowed: ", wanted);
    seen |= uint64_t{1} << order[i];
    shape[i] = x.size(order[i]);
    strides[i] = x.stride(order[i]);
  }
  Tensor out = alias(x, std::move(shape), std::move(strides), x->offset);
  return record_view(permute_op, x, {std::move(order)}, out);
}

Tensor transpose(const Tensor& x, int64_t a, int64_t b) {
  a = wrap_dim(a, x.ndim(), "transpose");
  b = wrap_dim(b, x.ndim(), "transpose");
  Dims order(x.ndim(), 0);
  for (int64_t i = 0; i < x.ndim(); i++) order[i] = i;
  if (x.ndim()) std::swap(order[a], order[b]);
  return permute(x, order);
}

// ---- expand

namespace {
Tensor expand_replay(const Tensor& x, const AttrList& attrs) { return expand(x, dims(attrs, 0)); }
void expand_vjp(Backward& b) { b.set(0, sum_to(b.grad(), b.attr<Dims>(1))); }
const Op expand_op{"expand", expand_vjp, expand_replay};
}  // namespace

Tensor expand(const Tensor& x, const Dims& wanted) {
  int64_t lead = wanted.size() - x.ndim();
  FL_CHECK(lead >= 0, Runtime, "expand", "the number of sizes provided (", wanted.size(),
           ") must be greater or equal to the number of dimensions in the tensor (", x.ndim(), ")");
  Dims shape(wanted), strides(wanted.size(), 0);
  for (int64_t i = 0; i < wanted.size(); i++) {
    bool own = i >= lead;
    int64_t size = own ? x.size(i - lead) : 1;
    if (wanted[i] == -1) {
      FL_CHECK(own, Runtime, "expand",
               "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension ", i);
      shape[i] = size;
    }
    FL_CHECK(shape[i] >= 0, Runtime, "expand", "sizes must not be negative, got ", wanted);
    FL_CHECK(shape[i] == size || size == 1, Runtime, "expand", "The expanded size of the tensor (", shape[i],
             ") must match the existing size (", size, ") at non-singleton dimension ", i, ".  Target sizes: ", wanted,
             ".  Tensor sizes: ", x.shape());
    strides[i] = own && shape[i] == size ? x.stride(i - lead) : 0;
  }
  Tensor out = alias(x, shape, std::move(strides), x->offset);
  return record_view(expand_op, x, {std::move(shape), x.shape()}, out);
}

// ---- select, slice, and whole indices of them

namespace {
Tensor index_replay(const Tensor& x, const AttrList& attrs) { return basic_index(x, dims(attrs, 0)); }
const Op index_op{"index", view_vjp, index_replay};

// Python's rules for a slice with a positive step.
void clip_slice(int64_t size, int64_t& start, int64_t& stop) {
  if (start < 0) start += size;
  if (stop < 0) stop += size;
  start = std::clamp<int64_t>(start, 0, size);
  stop = std::clamp<int64_t>(stop, start, size);
}
}  // namespace

Tensor basic_index(const Tensor& x, const Dims& items) {
  int64_t used = 0, n = items.size() / 4;
  for (int64_t i = 0; i < n; i++) used += items[4 * i] == IndexItem::Int || items[4 * i] == IndexItem::Slice;
  FL_CHECK(used <= x.ndim(), Index, "index", "too many indices for tensor of dimension ", x.ndim());
  Dims shape, strides;
  int64_t offset = x->offset, d = 0;
  auto keep = [&](int64_t until) {
    for (; d < until; d++) {
      shape.push_back(x.size(d));
      strides.push_back(x.stride(d));
    }
  };
  for (int64_t i = 0; i < n; i++) {
    int64_t kind = items[4 * i], start = items[4 * i + 1], stop = items[4 * i + 2], step = items[4 * i + 3];
    if (kind == IndexItem::New) {
      shape.push_back(1);
      strides.push_back(d < x.ndim() ? x.stride(d) * x.size(d) : 1);
    } else if (kind == IndexItem::Rest) {
      keep(x.ndim() - used);
    } else if (kind == IndexItem::Int) {
      int64_t size = x.size(d);
      FL_CHECK(start >= -size && start < size, Index, "index", "index ", start, " is out of bounds for dimension ", d,
               " with size ", size);
      offset += (start < 0 ? start + size : start) * x.stride(d++);
      used--;
    } else {
      FL_CHECK(step > 0, Value, "index", "step must be greater than zero, got ", step);
      clip_slice(x.size(d), start, stop);
      shape.push_back((stop - start + step - 1) / step);
      strides.push_back(x.stride(d) * step);
      offset += start * x.stride(d++);
      used--;
    }
  }
  keep(x.ndim());
  Tensor out = alias(x, std::move(shape), std::move(strides), offset);
  return record_view(index_op, x, {items, x.shape()}, out);
}

namespace {
// The items of an index that leaves the dimensions before `dim` whole.
Dims items_at(int64_t dim, IndexItem item) {
  Dims items;
  for (int64_t i = 0; i < dim; i++)
    for (int64_t v : {int64_t{IndexItem::Slice}, int64_t{0}, INT64_MAX, int64_t{1}}) items.push_back(v);
  for (int64_t v : {item.kind, item.start, item.stop, item.step}) items.push_back(v);
  return items;
}
}  // namespace

Tensor select(const Tensor& x, int64_t dim, int64_t index) {
  FL_CHECK(x.ndim() > 0, Index, "select", "select() cannot be applied to a 0-dim tensor.");
  dim = wrap_dim(dim, x.ndim(), "select");
  int64_t size = x.size(dim);
  FL_CHECK(index >= -size && index < size, Index, "select", "select(): index ", index,
           " out of range for tensor of size ", x.shape(), " at dimension ", dim);
  return basic_index(x, items_at(dim, {IndexItem::Int, index}));
}

Tensor slice(const Tensor& x, int64_t dim, int64_t start, int64_t stop, int64_t step) {
  FL_CHECK(x.ndim() > 0, Runtime, "slice", "slice() cannot be applied to a 0-dim tensor.");
  FL_CHECK(step > 0, Runtime, "slice", "slice step must be positive, got ", step);
  dim = wrap_dim(dim, x.ndim(), "slice");
  return basic_index(x, items_at(dim, {IndexItem::Slice, start, stop, step}));
}

Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length) {
  FL_CHECK(x.ndim() > 0, Runtime, "narrow", "narrow() cannot be applied to a 0-dim tensor.");
  FL_CHECK(length >= 0, Runtime, "narrow", "narrow(): length must be non-negative.");
  dim = wrap_dim(dim, x.ndim(), "narrow");
  int64_t size = x.size(dim);
  FL_CHECK(start >= -size && start <= size, Index, "narrow", "start out of range (expected to be in range of [", -size,
           ", ", size, "], but got ", start, ")");
  if (start < 0) start += size;
  FL_CHECK(start + length <= size, Runtime, "narrow", "start (", start, ") + length (", length,
           ") exceeds dimension size (", size, ").");
  return slice(x, dim, start, start + length);
}

// ---- unsqueeze, squeeze

namespace {
Tensor squeeze_replay(const Tensor& x, const AttrList& attrs) { return squeeze(x, dims(attrs, 0)); }
const Op squeeze_op{"squeeze", reshape_vjp, squeeze_replay};
Tensor unsqueeze_replay(const Tensor& x, const AttrList& attrs) { return unsqueeze(x, integer(attrs, 0)); }
const Op unsqueeze_op{"unsqueeze", reshape_vjp, unsqueeze_replay};
}  // namespace

Tensor unsqueeze(const Tensor& x, int64_t dim) {
  dim = wrap_dim(dim, x.ndim() + 1, "unsqueeze");
  Dims shape = x.shape(), strides = x.strides();
  int64_t stride = dim < x.ndim() ? x.stride(dim) * x.size(dim) : 1;
  shape.insert(dim, 1);
  strides.insert(dim, stride);
  Tensor out = alias(x, std::move(shape), std::move(strides), x->offset);
  return record_view(unsqueeze_op, x, {dim, x.shape()}, out);
}

Tensor squeeze(const Tensor& x, DimsRef which) {
  uint64_t mask = which.empty() ? 0 : dims_mask(which, std::max<int64_t>(x.ndim(), 1), "squeeze");
  Dims shape, strides, gone;
  for (int64_t i = 0; i < x.ndim(); i++) {
    if (mask >> i & 1 && x.size(i) == 1) {
      gone.push_back(i);
      continue;
    }
    shape.push_back(x.size(i));
    strides.push_back(x.stride(i));
  }
  Tensor out = alias(x, std::move(shape), std::move(strides), x->offset);
  return record_view(squeeze_op, x, {gone, x.shape()}, out);
}

// ---- diagonal, unfold, as_strided

namespace {
Tensor diagonal_replay(const Tensor& x, const AttrList& a) {
  return diagonal(x, integer(a, 0), integer(a, 1), integer(a, 2));
}
const Op diagonal_op{"diagonal", view_vjp, diagonal_replay};
}  // namespace

Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  int64_t a = wrap_dim(dim1, x.ndim(), "diagonal"), b = wrap_dim(dim2, x.ndim(), "diagonal");
  FL_CHECK(a != b, Runtime, "diagonal", "diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  int64_t length = std::max<int64_t>(
      offset >= 0 ? std::min(x.size(a), x.size(b) - offset) : std::min(x.size(a) + offset, x.size(b)), 0);
  int64_t start = x->offset;
  if (length > 0) start += offset >= 0 ? offset * x.stride(b) : -offset * x.stride(a);
  Dims shape, strides;
  for (int64_t i = 0; i < x.ndim(); i++) {
    if (i == a || i == b) continue;
    shape.push_back(x.size(i));
    strides.push_back(x.stride(i));
  }
  shape.push_back(length);
  strides.push_back(x.stride(a) + x.stride(b));
  Tensor out = alias(x, std::move(shape), std::move(strides), start);
  return record_view(diagonal_op, x, {offset, a, b, x.shape()}, out);
}

namespace {
// Windows may overlap: their gradients add up (core/kernels/pointwise.h, add_overlapping).
struct Window {
  Dims shape, strides;
  int64_t offset;
};
void gather_window_vjp(Backward& b) {
  Tensor flat = contiguous(b.grad());
  b.set(0, as_strided(flat, b.attr<Dims>(0), b.attr<Dims>(1), flat->offset + b.attr<int64_t>(2)));
}
const Op scatter_window_op{"scatter_window", gather_window_vjp};

// zeros(shape) with g added through a window of its contiguous memory.
Tensor scatter_window(const Tensor& g, const Window& window, const Dims& shape) {
  Tensor out = zeros(shape, g.dtype(), g.device());
  Tensor target = alias(out, window.shape, window.strides, window.offset);
  need(kernels_of(out).pointwise.add_overlapping, "as_strided", out)(target, g);
  return record(scatter_window_op, {&g}, {window.shape, window.strides, window.offset}, {}, out);
}

Tensor unfold_replay(const Tensor& x, const AttrList& a) {
  return unfold(x, integer(a, 0), integer(a, 1), integer(a, 2));
}
void unfold_vjp(Backward& b) {
  int64_t dim = b.attr<int64_t>(0), step = b.attr<int64_t>(2);
  const Dims& shape = b.attr<Dims>(3);
  Dims strides = contiguous_strides(shape);
  if (shape.empty()) {
    b.set(0, reshape(b.grad(), shape));
    return;
  }
  strides.push_back(strides[dim]);
  strides[dim] *= step;
  b.set(0, scatter_window(b.grad(), {b.grad().shape(), strides, 0}, shape));
}
const Op unfold_op{"unfold", unfold_vjp, unfold_replay};
}  // namespace

Tensor unfold(const Tensor& x, int64_t dim, int64_t size, int64_t step) {
  dim = wrap_dim(dim, x.ndim(), "unfold");
  int64_t have = x.ndim() ? x.size(dim) : 1;
  FL_CHECK(size >= 0, Runtime, "unfold", "size is ", size, " but must be >= 0");
  FL_CHECK(size <= have, Runtime, "unfold", "maximum size for tensor at dimension ", dim, " is ", have, " but size is ",
           size);
  FL_CHECK(step > 0, Runtime, "unfold", "step is ", step, " but must be > 0");
  Dims shape = x.shape(), strides = x.strides();
  int64_t stride = x.ndim() ? x.stride(dim) : 1;
  if (x.ndim()) {
    shape[dim] = (have - size) / step + 1;
    strides[dim] = stride * step;
  }
  shape.push_back(size);
  strides.push_back(stride);
  Tensor out = alias(x, std::move(shape), std::move(strides), x->offset);
  return record_view(unfold_op, x, {dim, size, step, x.shape()}, out);
}

namespace {
// The last place that a window reaches, from its first.
int64_t reach(DimsRef shape, DimsRef strides) {
  int64_t last = 0;
  for (size_t i = 0; i < shape.size(); i++) last += (shape[i] - 1) * strides[i];
  return last;
}

// Whether two elements may be one place in memory: some step is no longer than all that smaller steps reach.
bool may_overlap(const Dims& shape, const Dims& strides) {
  std::vector<std::pair<int64_t, int64_t>> steps;
  for (int64_t i = 0; i < shape.size(); i++)
    if (shape[i] > 1) steps.emplace_back(strides[i], shape[i]);
  std::sort(steps.begin(), steps.end());
  int64_t reached = 0;
  for (auto [stride, size] : steps) {
    if (stride <= reached) return true;
    reached += (size - 1) * stride;
  }
  return false;
}

// Of a base with the strides that the view was made of.
Tensor as_strided_replay(const Tensor& x, const AttrList& a) {
  return as_strided(x, dims(a, 0), dims(a, 1), x->offset + integer(a, 2));
}

// The gradient adds up in memory as wide as both windows, the view's and that of its base, and is read through the
// base's: what several elements of the base share, they share in equal parts.
void as_strided_vjp(Backward& b) {
  const Dims &shape = b.attr<Dims>(0), &strides = b.attr<Dims>(1), &of = b.attr<Dims>(3), &steps = b.attr<Dims>(4);
  int64_t ahead = b.attr<int64_t>(2), first = std::max<int64_t>(-ahead, 0);  // where the base begins in that memory
  if (count(of) == 0 || count(shape) == 0) return b.set(0, zeros(of, b.grad().dtype(), b.grad().device()));
  Dims room{std::max(reach(of, steps), reach(shape, strides) + ahead) + first + 1};
  Tensor memory = scatter_window(b.grad(), {shape, strides, ahead + first}, room);
  Tensor grad = as_strided(memory, of, steps, first);
  if (may_overlap(of, steps)) {
    Tensor owners = scatter_window(full(of, weak_scalar(1.0), grad.dtype(), grad.device()), {of, steps, first}, room);
    grad = div(grad, as_strided(owners, of, steps, first));
  }
  b.set(0, contiguous(grad));
}
const Op as_strided_op{"as_strided", as_strided_vjp, as_strided_replay};
[[maybe_unused]] const bool windows_known = (window_op = &as_strided_op, true);
}  // namespace

Tensor as_strided(const Tensor& x, const Dims& shape, const Dims& strides, int64_t offset) {
  FL_CHECK(shape.size() == strides.size(), Runtime, "as_strided", "mismatch in length of strides and shape: ", shape,
           " and ", strides);
  FL_CHECK(offset >= 0, Runtime, "as_strided", "storage_offset must be non-negative, got ", offset);
  int64_t last = offset, n = count(shape);
  for (int64_t i = 0; i < shape.size(); i++) {
    FL_CHECK(strides[i] >= 0, Runtime, "as_strided",
             "as_strided: Negative strides are not supported at the moment, got strides: ", strides);
    if (n) last += (shape[i] - 1) * strides[i];
  }
  FL_CHECK(n == 0 || (last + 1) * x.item_size() <= x->storage->bytes, Runtime, "as_strided", "setStorage: sizes ",
           shape, ", strides ", strides, ", storage offset ", offset, ", and itemsize ", x.item_size(),
           " requiring a storage size of ", (last + 1) * x.item_size(), " are out of bounds for storage of size ",
           x->storage->bytes);
  Tensor out = alias(x, shape, strides, offset);
  return record_view(as_strided_op, x, {shape, strides, offset - x->offset, x.shape(), x.strides()}, out);
}

// ---- other dtypes on the same bytes

namespace {
Tensor view_dtype_replay(const Tensor& x, const AttrList& a) { return view_dtype(x, std::get<DType>(a[0])); }
void view_dtype_vjp(Backward& b) { b.set(0, view_dtype(contiguous(b.grad()), b.attr<DType>(1))); }
const Op view_dtype_op{"view_dtype", view_dtype_vjp, view_dtype_replay};
}  // namespace

Tensor view_dtype(const Tensor& x, DType dtype) {
  int64_t from = x.item_size(), to = item_size(dtype);
  Dims shape = x.shape(), strides = x.strides();
  int64_t offset = x->offset;
  if (from != to) {
    FL_CHECK(x.ndim() > 0, Runtime, "view", "self.dim() cannot be 0 to view ", name(x.dtype()), " as ", name(dtype),
             " (different element sizes)");
    FL_CHECK(x.stride(-1) == 1, Runtime, "view", "self.stride(-1) must be 1 to view ", name(x.dtype()), " as ",
             name(dtype), " (different element sizes), but got ", x.stride(-1));
    int64_t last = x.ndim() - 1;
    if (to < from) {
      int64_t ratio = from / to;
      for (int64_t i = 0; i < last; i++) strides[i] *= ratio;
      shape[last] *= ratio;
      offset *= ratio;
    } else {
      int64_t ratio = to / from;
      FL_CHECK(shape[last] % ratio == 0, Runtime, "view", "self.size(-1) must be divisible by ", ratio, " to view ",
               name(x.dtype()), " as ", name(dtype), " (different element sizes), but got ", shape[last]);
      for (int64_t i = 0; i < last; i++) {
        FL_CHECK(strides[i] % ratio == 0, Runtime, "view", "self.stride(", i, ") must be divisible by ", ratio,
                 " to view ", name(x.dtype()), " as ", name(dtype), " (different element sizes), but got ", strides[i]);
        strides[i] /= ratio;
      }
      FL_CHECK(offset % ratio == 0, Runtime, "view", "self.storage_offset() must be divisible by ", ratio, ", but got ",
               offset);
      shape[last] /= ratio;
      offset /= ratio;
    }
  }
  Tensor out = alias(x);
  out->dtype = dtype;
  out->offset = offset;
  out->set_geometry(std::move(shape), std::move(strides));
  return record_view(view_dtype_op, x, {dtype, x.dtype()}, out);
}

// ---- several views at once

namespace {
constexpr const char* kSeveral =
    "This view is the output of a function that returns multiple views. Such functions do not allow the output views "
    "to be "
    "modified inplace. You should replace the inplace operation by an out-of-place one.";

// The parts lie side by side along a dimension: so do their gradients.
template <bool whole>
void parts_vjp(Backward& b) {
  int64_t dim = b.attr<int64_t>(0);
  std::vector<Tensor> grads;
  for (int i = 0; i < b.outputs(); i++) {
    Tensor g = b.grad_or_zeros(i);
    grads.push_back(whole ? unsqueeze(g, dim) : g);
  }
  b.set(0, cat(grads, dim));
}
const Op split_op{"split", parts_vjp<false>};
const Op unbind_op{"unbind", parts_vjp<true>};

std::vector<Tensor> finish_parts(const Op& op, std::vector<Tensor> parts, int64_t dim) {
  for (Tensor& part : parts)
    if (part->autograd && part->autograd->view) part->autograd->view->refuse = kSeveral;
  share_node(op, {dim}, parts);
  return parts;
}
}  // namespace

std::vector<Tensor> split_sizes(const Tensor& x, DimsRef sizes, int64_t dim) {
  FL_CHECK(x.ndim() > 0, Runtime, "split", "split expects at least a 1-dimensional tensor");
  dim = wrap_dim(dim, x.ndim(), "split");
  int64_t total = 0;
  for (int64_t s : sizes) {
    FL_CHECK(s >= 0, Runtime, "split",
             "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=", sizes);
    total += s;
  }
  FL_CHECK(total == x.size(dim), Runtime, "split", "split_with_sizes expects split_sizes to sum exactly to ",
           x.size(dim), " (input tensor's size at dimension ", dim, "), but got split_sizes=", sizes);
  std::vector<Tensor> out;
  int64_t start = 0;
  for (int64_t s : sizes) {
    out.push_back(slice(x, dim, start, start + s));
    start += s;
  }
  return finish_parts(split_op, std::move(out), dim);
}

std::vector<Tensor> unbind(const Tensor& x, int64_t dim) {
  FL_CHECK(x.ndim() > 0, Index, "unbind", "Dimension specified as 0 but tensor has no dimensions");
  dim = wrap_dim(dim, x.ndim(), "unbind");
  std::vector<Tensor> out;
  for (int64_t i = 0; i < x.size(dim); i++) out.push_back(select(x, dim, i));
  return finish_parts(unbind_op, std::move(out), dim);
}

}  // namespace flambeau::ops
