#include "core/tensor.h"

#include <numeric>

#include "core/node.h"

namespace flambeau {

TensorImpl::TensorImpl() = default;

TensorImpl::~TensorImpl() = default;

void TensorImpl::set_geometry(Dims new_shape, Dims new_strides) {
  shape = std::move(new_shape);
  strides = std::move(new_strides);
  numel = 1;
  for (int64_t d : shape) numel *= d;
  contiguous = flambeau::is_contiguous(shape, strides);
}

bool Tensor::has_grad_fn() const {
  if (!impl_->autograd) return false;
  const AutogradMeta& meta = *impl_->autograd;
  if (meta.grad_fn) return true;
  // A view of a base that has become part of the graph since.
  return meta.view && meta.view->version != impl_->version->value && meta.view->base.requires_grad();
}

namespace {

// With memory for `span` elements; what they mean is for the caller to say.
Tensor make(int64_t span, int64_t numel, DType dtype, Device device) {
  auto* impl = new TensorImpl;
  Tensor out(impl);
  impl->numel = numel;
  impl->dtype = dtype;
  impl->inference = inference_mode();
  impl->storage = Ref<Storage>(new Storage(span * item_size(dtype), device));
  impl->version = Ref<Version>(impl->storage.get());
  return out;
}

Tensor make_contiguous(DimsRef shape, int64_t numel, DType dtype, Device device) {
  Tensor out = make(numel, numel, dtype, device);
  auto n = static_cast<int64_t>(shape.size());
  out->shape.resize(n);
  out->strides.resize(n);
  int64_t *sizes = out->shape.data(), *strides = out->strides.data(), step = 1;
  for (int64_t i = n - 1; i >= 0; i--) {
    sizes[i] = shape[i];
    strides[i] = step;
    step *= std::max<int64_t>(shape[i], 1);
  }
  return out;
}

Tensor make_strided(DimsRef shape, DimsRef strides, int64_t span, int64_t numel, DType dtype, Device device) {
  Tensor out = make(span, numel, dtype, device);
  out->shape = Dims(shape);
  out->strides = Dims(strides);
  out->contiguous = is_contiguous(shape, strides);
  return out;
}

template <class T>
Tensor scalar_of(T value, DType dtype) {
  Tensor t = make(1, 1, dtype, {});
  *t.data<T>() = value;
  t->weak = true;
  return t;
}

}  // namespace

Tensor empty(DimsRef shape, DType dtype, Device device) { return make_contiguous(shape, count(shape), dtype, device); }

Tensor empty_strided(DimsRef shape, DimsRef strides, DType dtype, Device device) {
  FL_CHECK(shape.size() == strides.size(), Runtime, "empty_strided", "dimensionality of sizes (", shape.size(),
           ") must match dimensionality of strides (", strides.size(), ")");
  int64_t n = count(shape), span = n ? 1 : 0;
  for (size_t i = 0; i < shape.size(); i++) {
    FL_CHECK(strides[i] >= 0, Runtime, "empty_strided",
             "as_strided: Negative strides are not supported at the moment, got strides: ", strides);
    if (n) span += (shape[i] - 1) * strides[i];
  }
  return make_strided(shape, strides, span, n, dtype, device);
}

Tensor empty_like(const Tensor& like, DType dtype, Device device) {
  if (like.is_contiguous()) return make_contiguous(like.shape(), like.numel(), dtype, device);
  if (is_dense(like.shape(), like.strides()))
    return make_strided(like.shape(), like.strides(), like.numel(), like.numel(), dtype, device);
  // The order of the strides, without their gaps.
  int64_t n = like.ndim();
  Dims order(n, 0);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return like.stride(a) > like.stride(b); });
  for (int64_t d : like.strides())
    if (d == 0 && n > 0) return empty(like.shape(), dtype, device);
  Dims strides(n, 1);
  int64_t step = 1;
  for (int64_t i = n - 1; i >= 0; i--) {
    strides[order[i]] = step;
    step *= std::max<int64_t>(like.shape()[order[i]], 1);
  }
  return make_strided(like.shape(), strides, like.numel(), like.numel(), dtype, device);
}

Tensor alias(const Tensor& base, Dims shape, Dims strides, int64_t offset) {
  auto* impl = new TensorImpl;
  Tensor out(impl);
  impl->storage = base->storage;
  impl->version = base->version;
  impl->offset = offset;
  impl->dtype = base->dtype;
  impl->inference = base->inference;
  impl->set_geometry(std::move(shape), std::move(strides));
  return out;
}

Tensor weak_scalar(int64_t value) { return scalar_of(value, DType::Int64); }
Tensor weak_scalar(bool value) { return scalar_of(value, DType::Bool); }
// In double precision: result_type counts it as the default type.
Tensor weak_scalar(double value) { return scalar_of(value, DType::Float64); }
Tensor weak_scalar(std::complex<double> value) { return scalar_of(value, DType::Complex128); }

namespace {

struct Promotion {
  DType dims = DType::Undefined, zero = DType::Undefined, numbers = DType::Undefined;

  void add(const Tensor& t) {
    if (!t.defined()) return;
    DType type = t.dtype();
    if (t->weak) {
      if (is_complex(type)) {
        type = complex_type(default_dtype());
      } else if (is_floating(type)) {
        type = default_dtype();
      }
      numbers = promote(numbers, type);
    } else if (t.ndim() == 0) {
      zero = promote(zero, type);
    } else {
      dims = promote(dims, type);
    }
  }
  // `lower` counts only if it is of a higher kind.
  static DType combine(DType higher, DType lower) {
    if (higher == DType::Undefined) return lower;
    if (lower == DType::Undefined || is_complex(higher)) return higher;
    if (is_floating(higher)) return is_complex(lower) ? complex_type(higher) : higher;
    if (is_bool(higher) || is_inexact(lower)) return promote(higher, lower);
    return higher;
  }
  DType result() const { return combine(dims, combine(zero, numbers)); }
};

}  // namespace

DType result_type(std::initializer_list<const Tensor*> tensors) {
  Promotion p;
  for (const Tensor* t : tensors) p.add(*t);
  return p.result();
}

DType result_type(std::span<const Tensor> tensors) {
  Promotion p;
  for (const Tensor& t : tensors) p.add(t);
  return p.result();
}

Device common_device(const char* op, std::span<const Tensor* const> tensors) {
  bool cpu = true;
  for (const Tensor* t : tensors) cpu &= !t->defined() || t->device().is_cpu();
  if (cpu) return {};
  Device found;
  const Tensor* holder = nullptr;  // of `found`: one with dimensions, or not on the CPU
  for (const Tensor* t : tensors) {
    if (!t->defined() || (t->ndim() == 0 && t->device().is_cpu())) continue;
    FL_CHECK(!holder || t->device() == found, Runtime, op,
             "Expected all tensors to be on the same device, but found at least two devices, ", to_string(found),
             " and ", to_string(t->device()), "!");
    holder = t;
    found = t->device();
  }
  return found;
}

void Tensor::refuse_values() const {
  FL_FAIL(NotImplemented, "values", "Cannot copy out of meta tensor; no data! A tensor on device '",
          to_string(device()), "' has a shape, not values: use to_empty(device='cpu'), and load or initialise it");
}

void bump_version(const Tensor& t, const char* op) {
  t->version->bump(op);
  if (t->version.get() != t->storage.get()) t->storage->unseen_changes++;
}

}  // namespace flambeau
