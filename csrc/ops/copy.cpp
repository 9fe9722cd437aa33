// Copies, fills and casts, and the in-place history of views.
#include <cstring>

#include "core/kernels.h"
#include "ops/ops.h"

namespace flambeau::ops {

namespace {

Tensor empty_in(const Tensor& x, DType dtype, MemoryFormat format) {
  switch (format) {
    case MemoryFormat::Contiguous:
      return empty(x.shape(), dtype, x.device());
    case MemoryFormat::Preserve:
      return empty_like(x, dtype);
    case MemoryFormat::ChannelsLast:
      FL_CHECK(x.ndim() == 4, Runtime, "contiguous", "required rank 4 tensor to use channels_last format, got shape ",
               x.shape());
      break;
    case MemoryFormat::ChannelsLast3d:
      FL_CHECK(x.ndim() == 5, Runtime, "contiguous",
               "required rank 5 tensor to use channels_last_3d format, got shape ", x.shape());
      break;
  }
  return empty_strided(x.shape(), channels_last_strides(x.shape()), dtype, x.device());
}

// A matrix, or a batch of them, that lies the other way round in `out`: copied by blocks. False if it is not one.
bool write_transposed(const Tensor& out, const Tensor& in) {
  if (in.ndim() < 2 || in.numel() < 1024 || in.dtype() != out.dtype() || !(in.shape() == out.shape())) return false;
  struct Dim {
    int64_t size, from, to;
  };
  Dim dims[3];
  int n = 0;
  for (int64_t i = 0; i < in.ndim(); i++) {
    const Dim d{in.size(i), in.stride(i), out.stride(i)};
    if (d.size == 1) continue;
    if (n && dims[n - 1].from == d.from * d.size && dims[n - 1].to == d.to * d.size) {
      dims[n - 1] = {dims[n - 1].size * d.size, d.from, d.to};
    } else {
      if (n == 3) return false;
      dims[n++] = d;
    }
  }
  int row = -1, column = -1;  // contiguous in `out`, in `in`
  for (int i = 0; i < n; i++) {
    if (dims[i].to == 1) row = i;
    if (dims[i].from == 1) column = i;
  }
  if (n < 2 || row < 0 || column < 0 || row == column) return false;
  const Dim rows = dims[row], columns = dims[column], batch = n == 3 ? dims[3 - row - column] : Dim{1, 0, 0};
  kernels_of(out).copy.transpose({in.raw(), out.raw(), in.item_size(), batch.size, rows.size, columns.size, batch.from,
                                  rows.from, batch.to, columns.to});
  return true;
}

void write(const Tensor& out, const Tensor& in) {
  if (out.device().is_cpu() && !in.device().is_cpu()) [[unlikely]]
    in.refuse_values();
  if (!write_transposed(out, in)) kernels_of(out).pointwise.copy(out, in);
}

void clear(const Tensor& dense) {
  if (dense.numel() == 0 || !dense.device().is_cpu()) return;
  if (dense.bytes() < (1 << 20)) {
    std::memset(dense.raw(), 0, dense.bytes());
    return;
  }
  Tensor zero = empty({}, dense.dtype());  // copied by several threads
  std::memset(zero.raw(), 0, zero.bytes());
  kernels_of(dense).pointwise.copy(dense, zero);
}

void clone_vjp(Backward& b) { b.set(0, b.grad()); }
const Op clone_op{"clone", clone_vjp};
void device_vjp(Backward& b) { b.set(0, to_device(b.grad(), b.node().inputs[0].device)); }
const Op device_op{"to", device_vjp};
// The engine casts gradients to the dtype of the input.
const Op to_op{"to", clone_vjp};

void copy_vjp(Backward& b) {
  if (b.needs(1)) b.set(1, b.grad());
}
const Op copy_op{"copy_", copy_vjp};

void fill_vjp(Backward& b) {
  if (b.needs(1)) b.set(1, b.grad());
}
const Op fill_op{"fill_", fill_vjp};
const Op zero_op{"zero_", [](Backward&) {}};

}  // namespace

bool is_contiguous(const Tensor& x, MemoryFormat format) {
  switch (format) {
    case MemoryFormat::ChannelsLast:
    case MemoryFormat::ChannelsLast3d: {
      int64_t rank = format == MemoryFormat::ChannelsLast ? 4 : 5;
      if (x.ndim() != rank) return false;
      Dims wanted = channels_last_strides(x.shape());
      for (int64_t i = 0; i < rank; i++)
        if (x.size(i) != 1 && x.stride(i) != wanted[i]) return x.numel() == 0;
      return true;
    }
    default:
      return x.is_contiguous();
  }
}

Tensor clone(const Tensor& x, MemoryFormat format) {
  Tensor out = empty_in(x, x.dtype(), format);
  write(out, x);
  return record(clone_op, {&x}, {}, {}, out);
}

Tensor contiguous(const Tensor& x, MemoryFormat format) { return is_contiguous(x, format) ? x : clone(x, format); }

Tensor to_dtype(const Tensor& x, DType dtype, MemoryFormat format) {
  if (x.dtype() == dtype) return x;
  Tensor out = empty_in(x, dtype, format);
  write(out, x);
  return record(to_op, {&x}, {}, {}, out);
}

Tensor to_device(const Tensor& x, Device device) {
  if (x.device() == device) return x;
  Tensor out = empty_like(x, x.dtype(), device);
  write(out, x);
  return record(device_op, {&x}, {}, {}, out);
}

Tensor copy_(const Tensor& self, const Tensor& source) {
  Dims shape = broadcast_shapes(self.shape(), source.shape(), "copy_");
  FL_CHECK(shape == self.shape(), Shape, "copy_", "output with shape ", self.shape(),
           " doesn't match the broadcast shape ", shape);
  if (self.is(source)) return self;
  InplaceRecord recording(copy_op, {&self, &source}, self);
  // A source in the same memory may overlap the target.
  bool overlaps = self->storage == source->storage;
  write(self, overlaps ? clone(detach(source), MemoryFormat::Preserve) : source);
  recording.finish({}, {});
  return self;
}

Tensor fill_(const Tensor& self, const Tensor& value) {
  FL_CHECK(value.ndim() == 0, Runtime, "fill_", "fill_ only supports 0-dimension value tensor but got tensor with ",
           value.ndim(), " dimensions.");
  InplaceRecord recording(fill_op, {&self, &value}, self, true);
  write(self, value);
  recording.finish({}, {});
  return self;
}

Tensor zero_(const Tensor& self) {
  InplaceRecord recording(zero_op, {&self}, self, true);
  if (self.is_contiguous()) {
    clear(self);
  } else {
    write(self, weak_scalar(int64_t{0}));
  }
  recording.finish({}, {});
  return self;
}

Tensor zeros(DimsRef shape, DType dtype, Device device) {
  Tensor out = empty(shape, dtype, device);
  clear(out);
  return out;
}

Tensor full(DimsRef shape, const Tensor& value, DType dtype, Device device) {
  Tensor out = empty(shape, dtype, device);
  write(out, value);
  return out;
}

Tensor zeros_like(const Tensor& x) {
  Tensor out = empty_like(x);
  clear(out);
  return out;
}

Tensor ones_like(const Tensor& x) {
  Tensor out = empty_like(x);
  write(out, weak_scalar(int64_t{1}));
  return out;
}

double item(const Tensor& x) {
  Tensor out = empty({}, DType::Float64);
  write(out, alias(x, {}, {}, x->offset));
  return *out.data<double>();
}

Tensor sum_to(const Tensor& x, const Dims& shape) {
  if (x.shape() == shape) return x;
  int64_t lead = x.ndim() - shape.size();
  Dims dims;
  for (int64_t i = 0; i < x.ndim(); i++)
    if (i < lead || (shape[i - lead] == 1 && x.size(i) != 1)) dims.push_back(i);
  Tensor out = dims.empty() ? x : sum(x, dims, true);
  return lead ? view(contiguous(out), shape) : out;
}

}  // namespace flambeau::ops

namespace flambeau {

// The gradient of a base part of which was overwritten: what lies outside the view passes, what lies inside goes
// through the op that wrote there.
void copy_slices_vjp(Backward& b, Node& inner, uint64_t self_inputs, const ViewChain& chain, const Dims& strides) {
  auto replay = [&](Tensor t) {
    for (auto& [op, attrs] : chain) t = op->replay(t, attrs);
    return t;
  };
  Tensor rest = empty_strided(b.grad().shape(), strides, b.grad().dtype(),
                              b.grad().device());  // so that views fall where they did
  ops::copy_(rest, b.grad());
  std::vector<Tensor> grads{ops::clone(replay(rest))}, results(inner.edges.size());
  Backward inside(inner, grads, results);
  inner.op->vjp(inside);
  Tensor to_self;
  for (size_t i = 0; i < results.size(); i++) {
    if (!results[i].defined()) continue;
    if (!(self_inputs >> i & 1)) {
      b.set(static_cast<int>(i) + 1, results[i]);
      continue;
    }
    to_self = to_self.defined() ? ops::add(to_self, results[i]) : results[i];
  }
  if (!b.needs(0)) return;
  Tensor window = replay(rest);
  if (to_self.defined()) {
    ops::copy_(window, to_self);
  } else {
    ops::zero_(window);
  }
  b.set(0, rest);
}

}  // namespace flambeau
