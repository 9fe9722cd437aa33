// Views and copies. Other families have files of their own.
#include <cstring>

#include "core/kernels.h"
#include "core/packing.h"
#include "core/threads.h"
#include "ops/chain.h"
#include "python/python.h"

namespace flambeau::python {

namespace {

// In-place views: `self` becomes the window that `view` is of it.
Tensor become_view(const Tensor& self, const Tensor& view) {
  check_inplace("in-place view", self, self.requires_grad());
  Ref<Node> history = grad_fn(view);
  self->offset = view->offset;
  self->set_geometry(view.shape(), view.strides());
  if (history) need_autograd(self).grad_fn = history;
  if (self->autograd && self->autograd->view && view->autograd && view->autograd->view)
    self->autograd->view->chain = view->autograd->view->chain;
  return self;
}

Tensor resize_(const Tensor& self, const Dims& shape) {
  FL_CHECK(!self.requires_grad(), Runtime, "resize_", "cannot resize variables that require grad");
  int64_t bytes = (self->offset + count(shape)) * self.item_size();
  if (bytes > self->storage->bytes) self->storage->resize(bytes);
  self->set_geometry(shape, contiguous_strides(shape));
  bump_version(self, "resize_");
  return self;
}

Tensor detach_(const Tensor& self) {
  FL_CHECK(!self->autograd || !self->autograd->view, Runtime, "detach_",
           "Can't detach views in-place. Use detach() instead.");
  if (self->autograd) self->autograd->grad_fn = nullptr;
  self->requires_grad = false;
  return self;
}

void define_views(nb::module_& m) {
  m.def(
      "as_strided",
      [](const Tensor& x, const Dims& shape, const Dims& strides, std::optional<int64_t> offset) {
        return ops::as_strided(x, shape, strides, offset.value_or(x->offset));
      },
      nb::arg("input"), nb::arg("size"), nb::arg("stride"), nb::arg("storage_offset") = nb::none());
  m.def("expand", ops::expand);
  m.def("permute", ops::permute);
  m.def("transpose", ops::transpose);
  m.def("select", ops::select);
  m.def("slice", ops::slice);
  m.def("narrow", ops::narrow);
  m.def("unsqueeze", ops::unsqueeze);
  m.def("squeeze", [](const Tensor& x, const Dims& dims) { return ops::squeeze(x, dims); });
  m.def("view", ops::view);
  m.def("reshape", ops::reshape);
  m.def("diagonal", ops::diagonal);
  m.def("unfold", ops::unfold);
  m.def("view_dtype", ops::view_dtype);
  m.def("split_sizes", [](const Tensor& x, const Dims& sizes, int64_t dim) { return ops::split_sizes(x, sizes, dim); });
  m.def("unbind", ops::unbind);
}

// Devices that have tensors.
Device checked(Device device, const char* op) {
  FL_CHECK(device.is_cpu() || device.type == DeviceType::Meta, NotImplemented, op, "device '", to_string(device),
           "' is not available: flambeau is built for the CPU; use device='cpu'");
  return device;
}

void define_copies(nb::module_& m) {
  m.def("clone", [](const Tensor& x, int64_t format) { return ops::clone(x, static_cast<ops::MemoryFormat>(format)); });
  m.def("contiguous",
        [](const Tensor& x, int64_t format) { return ops::contiguous(x, static_cast<ops::MemoryFormat>(format)); });
  m.def("is_contiguous",
        [](const Tensor& x, int64_t format) { return ops::is_contiguous(x, static_cast<ops::MemoryFormat>(format)); });
  m.def("to_dtype", [](const Tensor& x, DType dtype, int64_t format) {
    return ops::to_dtype(x, dtype, static_cast<ops::MemoryFormat>(format));
  });
  m.def("to_device", [](const Tensor& x, Device device) { return ops::to_device(x, checked(device, "to")); });
  m.def("copy_", [](const Tensor& x, const Operand& source) { return ops::copy_(x, source.tensor); });
  m.def("fill_", [](const Tensor& x, const Operand& value) { return ops::fill_(x, value.tensor); });
  m.def("zero_", ops::zero_);
  m.def("zeros_like", ops::zeros_like);
  m.def("ones_like", ops::ones_like);
  m.def("sum_to", ops::sum_to);
  m.def(
      "empty",
      [](const Dims& shape, DType dtype, Device device) { return empty(shape, dtype, checked(device, "empty")); },
      nb::arg("shape"), nb::arg("dtype"), nb::arg("device") = Device{});
  m.def(
      "empty_strided",
      [](const Dims& shape, const Dims& strides, DType dtype, Device device) {
        return empty_strided(shape, strides, dtype, checked(device, "empty_strided"));
      },
      nb::arg("shape"), nb::arg("strides"), nb::arg("dtype"), nb::arg("device") = Device{});
  m.def(
      "zeros",
      [](const Dims& shape, DType dtype, Device device) { return ops::zeros(shape, dtype, checked(device, "zeros")); },
      nb::arg("shape"), nb::arg("dtype"), nb::arg("device") = Device{});
  m.def(
      "full",
      [](const Dims& shape, const Operand& value, DType dtype, Device device) {
        return ops::full(shape, value.tensor, dtype, checked(device, "full"));
      },
      nb::arg("shape"), nb::arg("value"), nb::arg("dtype"), nb::arg("device") = Device{});
  m.def("become_view", become_view);
  m.def("resize_", resize_);
  m.def("detach_", detach_);
  m.def("scalar", [](const Operand& value) { return value.tensor; });
}

// For deepcopy and pickling: the whole storage as bytes, and tensors on such bytes.
void define_storages(nb::module_& m) {
  m.def("storage_id", [](const Tensor& t) { return reinterpret_cast<uintptr_t>(t->storage.get()); });
  m.def("storage_nbytes", [](const Tensor& t) { return t->storage->bytes; });
  m.def("clone_storage", [](const Tensor& t) {
    Tensor out = empty(Dims{t->storage->bytes}, DType::UInt8);
    if (!t.device().is_cpu()) t.refuse_values();
    settle(*t->storage);
    if (t->storage->bytes) std::memcpy(out.raw(), t->storage->data, t->storage->bytes);
    return out;
  });
  m.def("storage_bytes", [](const Tensor& t) {  // shares memory
    Tensor out = alias(t);
    out->dtype = DType::UInt8;
    out->offset = 0;
    out->set_geometry({t->storage->bytes}, {1});
    return out;
  });
  m.def("set_storage_of", [](const Tensor& bytes, const Dims& shape, const Dims& strides, int64_t offset, DType dtype) {
    FL_CHECK(offset >= 0 && shape.size() == strides.size(), Runtime, "set_", "bad offset ", offset, " or strides ",
             strides, " for shape ", shape);
    int64_t last = offset, n = count(shape);
    for (int64_t i = 0; i < shape.size(); i++) {
      FL_CHECK(strides[i] >= 0, Runtime, "set_", "negative strides: ", strides);
      int64_t step;
      FL_CHECK(!n || (!__builtin_mul_overflow(shape[i] - 1, strides[i], &step) &&
                      !__builtin_add_overflow(last, step, &last)),
               Runtime, "set_", "strides overflow: ", strides);
    }
    FL_CHECK(n == 0 || last < bytes->storage->bytes / item_size(dtype), Runtime, "set_", "shape ", shape,
             " with strides ", strides, " and offset ", offset, " does not fit in a storage of ", bytes->storage->bytes,
             " bytes");
    Tensor out = alias(bytes);
    out->dtype = dtype;
    out->offset = offset;
    out->set_geometry(shape, strides);
    return out;
  });
}

void define_types_of(nb::module_& m) {
  m.def("promote_types", promote, nb::arg("type1"), nb::arg("type2"),
        R"(The smallest dtype that holds the values of both; mixed with an integer, a floating dtype stays as it is.

>>> flambeau.promote_types(flambeau.int64, flambeau.float16)
torch.float16
>>> flambeau.promote_types(type1=flambeau.uint8, type2=flambeau.int8)
torch.int16
)");
  m.def("can_cast", can_cast, nb::arg("from_"), nb::arg("to"),
        R"(Whether results of one dtype may be written into a tensor of another: not to a lower kind of number.

The kinds are, from low to high: bool, integer, floating, complex; sizes do not count.

>>> flambeau.can_cast(flambeau.float64, flambeau.float16)
True
>>> flambeau.can_cast(from_=flambeau.float32, to=flambeau.int64)
False
)");
  m.def("result_type", [](const Operand& a, const Operand& b) { return result_type({&a.tensor, &b.tensor}); });
  m.def("get_default_dtype", default_dtype);
  m.def("set_default_dtype", set_default_dtype);
}

void define_system(nb::module_& m) {
  m.def("cpu_isa", cpu_isa);
  m.def("get_num_threads", num_threads);
  m.def("set_num_threads", set_num_threads);
  m.def("memory_stats", [] {
    MemoryStats& s = memory_stats();
    nb::dict out;
    out["live_bytes"] = s.live;
    out["peak_bytes"] = s.peak;
    out["cached_bytes"] = s.cached;
    out["allocations"] = s.allocations;
    out["system_allocations"] = s.system_allocations;
    out["limit_bytes"] = s.limit;
    return out;
  });
  m.def("reset_peak_memory_stats", [] { memory_stats().peak = memory_stats().live; });
  m.def("set_memory_limit", [](int64_t bytes) { memory_stats().limit = bytes; });
  m.def("empty_cache", empty_cache);
  m.def("fuse", ops::enable_fusion, nb::arg("on"));
  m.def("keep_packed", [](bool on) { return Packing::enable(on); }, nb::arg("on"));
}

}  // namespace

void define_ops(nb::module_& m) {
  define_views(m);
  define_copies(m);
  define_storages(m);
  define_types_of(m);
  define_system(m);
}

}  // namespace flambeau::python
