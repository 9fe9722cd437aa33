"""What a tensor says of itself, and changes to its memory."""

import sys

from .. import _C

__all__ = [
    "get_device",
    "is_conj",
    "is_distributed",
    "is_neg",
    "is_same_size",
    "is_signed",
    "is_storage",
    "resize_as_",
    "resolve_conj",
    "resolve_neg",
    "zero_",
]
_OTHER_KINDS = (
    "sparse", "sparse_csr", "quantized", "mkldnn", "mps", "xpu", "nested", "vulkan", "ipu", "xla", "hpu", "mtia", "maia",
)  # fmt: skip
_QUANTIZED = (
    "int_repr",
    "q_per_channel_axis",
    "q_per_channel_scales",
    "q_per_channel_zero_points",
    "q_scale",
    "q_zero_point",
    "qscheme",
)


def _of_quantized(name):
    def refuse(self):
        raise NotImplementedError(f"[{name}] only quantized tensors have it, and there are none: got {self.dtype}")

    refuse.__doc__ = "Only of quantized tensors; there are none."
    return refuse


METHODS = [
    "apply_", "as_subclass", "const_data_ptr", "dequantize", "is_distributed", "module_load", "resize", "resize_as", "storage",
    "storage_type", "untyped_storage", "xpu", "mtia", "ipu", "record_stream", "map_", "map2_", "get_device", "is_conj", "is_neg", "is_pinned", "is_same_size", "is_set_to", "is_shared", "new", "pin_memory",
    "resize_", "resize_as_", "resolve_conj", "resolve_neg", "set_", "share_memory_",

    ("names", property(lambda self: (None,) * self.dim())),
    ("name", property(lambda self: None)),
    *((f"is_{kind}", property(lambda self: False)) for kind in _OTHER_KINDS),
    ("has_names", lambda self: False),
    ("_is_view", lambda self: self._is_view_flag),
    ("volatile", property(lambda self: False)),
    ("grad_dtype", property(lambda self: self.dtype)),
    *((name, _of_quantized(name)) for name in _QUANTIZED),
    ("__pos__", lambda self: _positive(self)),
    ("__complex__", lambda self: complex(float(self) if self.numel() != 1 else self.item())),
    ("__div__", lambda self, other: self.div(other)),
    ("__idiv__", lambda self, other: self.div_(other)),
    ("__long__", lambda self: int(self)),
    ("__nonzero__", lambda self: bool(self)),
    ("solve", lambda self, other: _removed_solve()),
    ("dim_order", lambda self: tuple(sorted(range(self.dim()), key=lambda d: (-self.stride(d), d)))),
]  # fmt: skip


def _removed_solve():
    raise RuntimeError(
        "[solve] Tensor.solve was deprecated and is now removed: linalg.solve(A, B) instead of B.solve(A)"
    )


def _positive(self):
    if self.dtype is _C.bool:
        raise RuntimeError("[positive] The `+` operator, on a bool tensor is not supported.")
    return self


def is_same_size(input, other):
    """Whether two tensors have the same shape.

    >>> flambeau.is_same_size(flambeau.ones(2), flambeau.ones(3))
    False
    """
    return input.shape == other.shape


def is_conj(input):
    """Whether conjugation is pending; never, since it is done at once.

    >>> flambeau.is_conj(flambeau.ones(2))
    False
    """
    return False


def is_neg(input):
    """Whether negation is pending; never, since it is done at once.

    >>> flambeau.is_neg(flambeau.ones(2))
    False
    """
    return False


def resolve_conj(input):
    """The tensor itself: conjugation is done at once.

    >>> flambeau.resolve_conj(flambeau.ones(2))
    tensor([1., 1.])
    """
    return input


def resolve_neg(input):
    """The tensor itself: negation is done at once.

    >>> flambeau.resolve_neg(flambeau.ones(2))
    tensor([1., 1.])
    """
    return input


def is_distributed(input):
    """Whether a tensor is spread over machines; none is.

    >>> flambeau.is_distributed(flambeau.ones(1))
    False
    """
    return False


def is_signed(input):
    """Whether the dtype has negative numbers.

    >>> flambeau.is_signed(flambeau.ones(1)), flambeau.is_signed(flambeau.ones(1, dtype=flambeau.uint8))
    (True, False)
    """
    return input.dtype.is_signed


def is_storage(obj):
    """Whether an object is a storage; tensors are not.

    >>> flambeau.is_storage(flambeau.ones(2))
    False
    """
    return type(obj).__name__.endswith("Storage")


def get_device(input):
    """The index of a tensor's device, -1 on the CPU.

    >>> flambeau.get_device(flambeau.ones(2))
    -1
    """
    return -1


def zero_(input):
    """Set every element to zero, in place.

    >>> flambeau.zero_(flambeau.ones(2))
    tensor([0., 0.])
    """
    return _C.zero_(input)


def resize_(self, *sizes, memory_format=None):
    """Give this tensor another shape in place; new elements are whatever the memory holds."""
    return _C.resize_(self, sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes)


def resize_as_(input, the_template, *, memory_format=None):
    """Give a tensor the shape of another, in place.

    >>> flambeau.resize_as_(flambeau.ones(2), flambeau.ones(3)).shape
    torch.Size([3])
    """
    return _C.resize_(input, the_template.shape)


def set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Make this tensor a window on the memory of another tensor or storage."""
    if source is None:
        source = _C.empty((0,), self.dtype, self.device)
    if not isinstance(source, _C.Tensor):
        source = source._as_bytes()
        size = (source.numel() // self.element_size(),) if size is None else size
    elif size is None:
        self.data = source
        return self
    if stride is None:
        stride, step = [], 1
        for length in reversed(size):
            stride.insert(0, step)
            step *= max(length, 1)
    self.data = _C.set_storage_of(source, tuple(size), tuple(stride), storage_offset, self.dtype)
    return self


def is_set_to(self, tensor):
    """Whether both are the same window on the same memory."""
    same = self.data_ptr() == tensor.data_ptr() and _C.storage_id(self) == _C.storage_id(tensor)
    return same and self.shape == tensor.shape and self.stride() == tensor.stride()


def is_pinned(self, device=None):
    """Whether the memory is page-locked for a GPU; it is not."""
    return False


def pin_memory(self, device=None):
    """The tensor itself: there is no GPU to lock pages for."""
    return self


def is_shared(self):
    """Whether other processes see this memory."""
    sharing = sys.modules.get("flambeau._sharing")  # without it nothing is shared
    return sharing is not None and sharing.block_of(self) is not None


def share_memory_(self):
    """Move this tensor to memory that other processes see: forked ones, and those it is sent to.

    Views of the tensor that were made before go on looking at the old memory.
    """
    if self.numel() and not is_shared(self):
        from .. import _sharing

        raw = _sharing.share(self)
        self.data = _C.set_storage_of(raw, tuple(self.shape), self.stride(), self.storage_offset(), self.dtype)
    return self


def new(self, *args, **kwargs):
    """A tensor of the same dtype: of given sizes (uninitialised) or with given data."""
    if not args:
        return _C.empty((0,), self.dtype, self.device)
    if len(args) == 1 and not isinstance(args[0], (int, _C.Size)):
        from ..ops import tensor

        return tensor(args[0], dtype=self.dtype)
    return _C.empty(args[0] if isinstance(args[0], _C.Size) else args, self.dtype)


def apply_(self, callable):
    """Replace every element by callable(element), in Python; slow, and outside the graph."""
    return _elementwise(self, [self], callable)


def map_(self, tensor, callable):
    """Replace every element by callable(element, element of tensor)."""
    return _elementwise(self, [self, tensor.expand_as(self)], callable)


def map2_(self, x, y, callable):
    """Replace every element by callable(element, element of x, element of y)."""
    return _elementwise(self, [self, x.expand_as(self), y.expand_as(self)], callable)


def _elementwise(self, tensors, function):
    if self.requires_grad:
        raise RuntimeError("Can't call apply_() on Variable that requires grad. Use var.detach().apply_()")
    from ..ops import tensor

    values = [function(*row) for row in zip(*(t.reshape(-1).tolist() for t in tensors))]
    return _C.copy_(self, tensor(values, dtype=self.dtype).view(tuple(self.shape)))


def as_subclass(self, cls):
    """This tensor as an instance of a subclass of Tensor, with the same memory and the same place in the graph."""
    if not (isinstance(cls, type) and issubclass(cls, _C.Tensor)):
        raise RuntimeError(f"[as_subclass] expected a subclass of Tensor, got {cls!r}")
    return _C.as_subclass(cls, self)


def untyped_storage(self):
    """The memory behind this tensor, as bytes."""
    from ..storage import UntypedStorage

    return UntypedStorage._of(self)


def storage(self):
    """The memory behind this tensor, as elements of its dtype."""
    from ..storage import TypedStorage

    return TypedStorage(wrap_storage=untyped_storage(self), dtype=self.dtype)


def storage_type(self):
    """The class of this tensor's storage."""
    from ..storage import TypedStorage

    return TypedStorage


def const_data_ptr(self):
    """The address of the first element, for reading."""
    return self.data_ptr()


def dequantize(self):
    """The numbers in float32: no tensor is quantized."""
    return self.to(_C.float32)


def module_load(self, other, assign=False):
    """What a Module puts in the place of a parameter when it loads `other`."""
    if assign:
        return other.detach()
    return _C.copy_(self, other).detach()


def resize(self, *sizes):
    """The elements in another shape of as many; deprecated in torch, use view or resize_."""
    sizes = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    count = 1
    for n in sizes:
        count *= n
    if count != self.numel():
        raise RuntimeError(
            f"[resize] requested resize to {sizes} ({count} elements in total), but the given tensor has a size of "
            f"{tuple(self.shape)} ({self.numel()} elements): use resize_"
        )
    return self.contiguous().view(sizes)


def resize_as(self, tensor):
    """`resize` to the shape of another tensor."""
    return resize(self, *tensor.shape)


def xpu(self, device=None, non_blocking=False, memory_format=None):
    """Copy to an Intel GPU: there is none."""
    raise AssertionError("Torch not compiled with XPU enabled")


def mtia(self, device=None, non_blocking=False, memory_format=None):
    """Copy to an MTIA device: there is none."""
    raise RuntimeError("[mtia] there is no MTIA device: only the CPU is there")


def ipu(self, device=None, non_blocking=False, memory_format=None):
    """Copy to an IPU: there is none."""
    raise RuntimeError("[ipu] there is no IPU: only the CPU is there")


def record_stream(self, stream):
    """Tell the allocator of a GPU that a stream uses this tensor; nothing to do on the CPU."""
