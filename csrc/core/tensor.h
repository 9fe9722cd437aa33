// The tensor: a typed, strided window on a storage, with what autograd knows of it.
#pragma once
#include <initializer_list>
#include <memory>
#include <vector>

#include "core/dtype.h"
#include "core/shape.h"
#include "core/storage.h"

namespace flambeau {

class Node;
class Tensor;
struct AutogradMeta;

class TensorImpl final : public Counted, public Pooled<TensorImpl> {
 public:
  TensorImpl();
  ~TensorImpl() override;

  Ref<Storage> storage;
  Ref<Version> version;
  int64_t offset = 0;  // elements
  int64_t numel = 0;
  Dims shape, strides;
  DType dtype = DType::Float32;
  bool weak = false;           // stands for a Python number: gives way in promotion
  bool contiguous = true;      // in the default order
  bool requires_grad = false;  // of a leaf; others have a grad_fn
  bool inference = false;      // made in inference mode
  bool conj_view = false;      // reserved for lazy conjugation
  std::unique_ptr<AutogradMeta> autograd;

  void set_geometry(Dims new_shape, Dims new_strides);
  // No other tensor has this memory (whose version it counts too, unless it was detached from that).
  bool owns_memory() const { return !storage->python() && storage->owners() == 1 + (version.get() == storage.get()); }
};

// A handle; copying it shares the tensor.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(TensorImpl* impl) : impl_(impl) {}

  bool defined() const { return static_cast<bool>(impl_); }
  TensorImpl* impl() const { return impl_.get(); }
  TensorImpl* operator->() const { return impl_.get(); }
  bool is(const Tensor& o) const { return impl_ == o.impl_; }

  const Dims& shape() const { return impl_->shape; }
  const Dims& strides() const { return impl_->strides; }
  int64_t ndim() const { return impl_->shape.size(); }
  int64_t numel() const { return impl_->numel; }
  int64_t size(int64_t dim) const { return impl_->shape[dim < 0 ? dim + ndim() : dim]; }
  int64_t stride(int64_t dim) const { return impl_->strides[dim < 0 ? dim + ndim() : dim]; }
  DType dtype() const { return impl_->dtype; }
  Device device() const { return impl_->storage->device; }
  bool is_contiguous() const { return impl_->contiguous; }
  int64_t item_size() const { return flambeau::item_size(impl_->dtype); }
  int64_t bytes() const { return impl_->numel * item_size(); }

  // Where the elements begin, for a kernel of the tensor's device.
  void* raw() const {
    Storage& storage = *impl_->storage;
    if (storage.pending) [[unlikely]]
      settle(storage);
    return static_cast<char*>(storage.data) + impl_->offset * item_size();
  }
  // The elements, to be read and written here: an error where they are not in the CPU's memory.
  template <class T>
  T* data() const {
    if (!device().is_cpu()) [[unlikely]]
      refuse_values();
    return static_cast<T*>(raw());
  }
  [[noreturn]] void refuse_values() const;

  // autograd
  bool requires_grad() const { return impl_->requires_grad || has_grad_fn(); }
  bool has_grad_fn() const;
  bool is_leaf() const { return !has_grad_fn(); }
  uint32_t version() const { return impl_->version->value; }

 private:
  Ref<TensorImpl> impl_;
};

// Uninitialised memory.
Tensor empty(DimsRef shape, DType dtype, Device device = {});
Tensor empty_strided(DimsRef shape, DimsRef strides, DType dtype, Device device = {});
// Same shape; the layout of `like` where it is dense (torch.preserve_format), else contiguous.
Tensor empty_like(const Tensor& like, DType dtype, Device device);
inline Tensor empty_like(const Tensor& like, DType dtype) { return empty_like(like, dtype, like.device()); }
inline Tensor empty_like(const Tensor& like) { return empty_like(like, like.dtype(), like.device()); }
// Another window on the same storage, sharing the version counter; no graph.
Tensor alias(const Tensor& base, Dims shape, Dims strides, int64_t offset);
inline Tensor alias(const Tensor& base) { return alias(base, base.shape(), base.strides(), base->offset); }

// A Python number as a 0-dim tensor that gives way in promotion (int64, the default float or complex type, bool).
Tensor weak_scalar(double value);
Tensor weak_scalar(int64_t value);
Tensor weak_scalar(bool value);
Tensor weak_scalar(std::complex<double> value);

// The device of several tensors; on the CPU, numbers and other tensors without dimensions give way. Undefined ones do
// not count. An error where tensors are on two devices.
Device common_device(const char* op, std::span<const Tensor* const> tensors);

// torch.result_type of several tensors: tensors with dimensions rule over 0-dim ones, these over numbers.
DType result_type(std::initializer_list<const Tensor*> tensors);
DType result_type(std::span<const Tensor> tensors);

// Bookkeeping of an in-place change by `op`.
void bump_version(const Tensor& t, const char* op);

}  // namespace flambeau
