"""Tensors made of other tensors: sparse and nested ones.

Such a tensor has no memory of its own: the core sees one element, expanded to the shape. Its numbers, and their place in
the graph, are those of the tensor `_elements`; what else describes it (indices, offsets) are attributes listed in `_PARTS`.
Every op on it is a composition of ops on `_elements`, so derivatives come by themselves.
"""

import importlib
import weakref
from typing import ClassVar

from . import _C

Tensor = _C.Tensor


class Composed(Tensor):
    """What sparse and nested tensors share: an interface whose leaves name their `_PARTS` and what they can do."""

    _PARTS: ClassVar[tuple[str, ...]] = ()
    _KIND = "composed"
    __torch_function__ = _C._disabled_torch_function_impl  # leaves answer; nobody is asked before one of them is needed

    @classmethod
    def _build(cls, shape, elements, **parts):
        """A tensor of a shape with these elements; the parts are the attributes listed in `_PARTS`."""
        self = _C.make_subclass(cls, _memoryless(shape, elements.dtype), False)
        self._size, self._elements = _C.Size(shape), elements
        self.__dict__.update(parts)
        return self

    def _parts(self):
        return {name: self.__dict__[name] for name in self._PARTS}

    def _with(self, elements):
        """The same pattern with other elements."""
        return self._build(self._size, elements, **self._parts())

    def _become(self, other):
        """In place: everything that `other` is."""
        if other.dtype is not self.dtype:
            raise RuntimeError(f"[{self._KIND}] result type {other.dtype} can't be cast to {self.dtype}, in place")
        elements, old = other._elements, self._elements
        if old.requires_grad and old.is_leaf:
            if _C.is_grad_enabled():
                raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
            elements = elements.detach().requires_grad_()
            elements.grad = old.grad if elements.shape == old.shape else None
        if other._size != self._size:
            with _C.DisableTorchFunctionSubclass():
                Tensor.data.__set__(self, _memoryless(other._size, other.dtype))
        self.__dict__.update(other._parts(), _elements=elements, _size=other._size)
        return self

    def _aligned(self, gradient):
        """The elements of a gradient of this tensor, in the order of its own."""
        return gradient._elements

    @classmethod
    def _answer(cls, func, types, args=(), kwargs=None):
        """`__torch_function__` of the leaves."""
        handler = cls._handlers().get(func)
        if handler is None:
            return cls._unsupported(func, args)
        return handler(*args, **(kwargs or {}))

    @classmethod
    def _handlers(cls):
        """{public function: what it does for this kind}, made when first asked for."""
        if "_handler_table" not in cls.__dict__:
            cls._handler_table = _table(cls)
        return cls._handler_table

    @classmethod
    def _functions(cls):
        """{dotted name in flambeau: function}: what is supported without being a method."""
        return {}

    @classmethod
    def _unsupported(cls, func, args):
        from .overrides import resolve_name

        full = (resolve_name(func) or getattr(func, "__name__", repr(func))).removesuffix(".__get__")
        name = full.rpartition(".")[2]
        raise NotImplementedError(
            f"[{name}] Could not run 'aten::{name}' with arguments from the '{cls._KIND}' backend: it is not defined for "
            "them"
        )

    # ---- what it is

    dtype = property(lambda self: self._elements.dtype)
    device = property(lambda self: self._elements.device)
    itemsize = property(lambda self: self._elements.itemsize)
    ndim = property(lambda self: self.dim())
    grad_dtype = property(lambda self: self.dtype)
    _base = property(lambda self: None)

    def element_size(self):
        """The bytes of one element."""
        return self._elements.element_size()

    def is_floating_point(self):
        """Whether the dtype is one of real numbers with a point."""
        return self.dtype.is_floating_point

    def is_complex(self):
        """Whether the dtype is complex."""
        return self.dtype.is_complex

    def is_signed(self):
        """Whether the dtype has negative numbers."""
        return self.dtype.is_signed

    def get_device(self):
        """-1: the CPU."""
        return -1

    def is_contiguous(self, memory_format=None):
        """Whether it lies in memory as an ordinary tensor: no."""
        return False

    def is_inference(self):
        """Whether it was made in inference mode."""
        return self._elements.is_inference()

    # ---- autograd: the elements' affair

    @property
    def requires_grad(self):
        return self._elements.requires_grad

    @requires_grad.setter
    def requires_grad(self, value):
        self._elements.requires_grad = value

    def requires_grad_(self, requires_grad=True):
        """Say, in place, whether gradients are recorded."""
        self._elements.requires_grad_(requires_grad)
        return self

    grad_fn = property(lambda self: self._elements.grad_fn)
    is_leaf = property(lambda self: self._elements.is_leaf)
    retains_grad = property(lambda self: self._elements.retains_grad)
    output_nr = property(lambda self: self._elements.output_nr)
    _version = property(lambda self: self._elements._version)

    @property
    def grad(self):
        gradient = self._elements.grad
        return None if gradient is None else self._gradient(gradient, kept=True)

    @grad.setter
    def grad(self, value):
        self._elements.grad = None if value is None else self._aligned(value)

    @grad.deleter
    def grad(self):
        self._elements.grad = None

    def _gradient(self, elements, kept=False):
        """A gradient of the elements as one of this tensor; `kept` if it is the one in `.grad`."""
        return self._with(elements)

    def retain_grad(self):
        """Keep the gradient of a tensor that is not a leaf."""
        self._elements.retain_grad()

    def register_hook(self, hook):
        """Have `hook(gradient)` called in a backward pass; what it returns replaces the gradient."""
        owner = weakref.ref(self)

        def of_elements(elements):
            tensor = owner()
            if tensor is None:
                return None
            changed = hook(tensor._gradient(elements))
            return None if changed is None else tensor._aligned(changed)

        return self._elements.register_hook(of_elements)

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Gradients of what this tensor was computed from."""
        from .autograd import backward

        backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def detach(self):
        """The same tensor outside of the graph."""
        return self._with(self._elements.detach())

    def detach_(self):
        """Take this tensor out of the graph."""
        self._elements = self._elements.detach()
        return self

    @property
    def data(self):
        return self.detach()

    @data.setter
    def data(self, value):
        wanted = self._elements.requires_grad and self._elements.is_leaf
        self._elements = self._elements.detach()
        self._become(value.detach())
        self._elements.requires_grad = wanted

    # ---- copies

    def clone(self, *, memory_format=None):
        """A copy with its own memory."""
        return self._with(self._elements.clone())

    def to(self, *args, **kwargs):
        """Another dtype or device."""
        elements = self._elements.to(*args, **kwargs)
        return self if elements is self._elements and not kwargs.get("copy") else self._with(elements)

    def cpu(self, memory_format=None):
        """On the CPU."""
        return self.to("cpu")

    def cuda(self, device=None, non_blocking=False, memory_format=None):
        """On a GPU: there is none."""
        return self._with(self._elements.cuda(device))

    def __deepcopy__(self, memo):
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment."
            )
        if id(self) not in memo:
            parts = {k: v.clone() if isinstance(v, Tensor) else v for k, v in self._parts().items()}
            elements = self._elements.detach().clone().requires_grad_(self.requires_grad)
            memo[id(self)] = self._build(self._size, elements, **parts)
            if self.grad is not None:
                memo[id(self)].grad = self.grad.clone()
        return memo[id(self)]

    def share_memory_(self):
        """Move what it is made of to memory that forked processes share."""
        for part in (self._elements, *self._parts().values()):
            if isinstance(part, Tensor):
                part.share_memory_()
        return self

    def is_shared(self):
        """Whether other processes see its elements."""
        return self._elements.is_shared()

    def is_pinned(self, device=None):
        """Whether the memory is page-locked for a GPU; it is not."""
        return False

    def pin_memory(self, device=None):
        """The tensor itself: there is no GPU to lock pages for."""
        return self

    def _no_memory(self, *args, **kwargs):
        """An error: there is no memory to point at."""
        raise RuntimeError(f"[{self._KIND}] Cannot access data pointer of Tensor that doesn't have storage")

    data_ptr = tolist = _no_memory

    def _no_storage(self, *args, **kwargs):
        """An error: there is no storage."""
        raise NotImplementedError(f"[{self._KIND}] Cannot access storage of a tensor that has none of its own")

    storage = untyped_storage = _no_storage


def _memoryless(shape, dtype):
    with _no_grad():
        return _C.expand(_C.zeros((), dtype), tuple(shape))


def _no_grad():
    from .autograd.grad_mode import no_grad

    return no_grad()


_CASTS = {
    "bfloat16": _C.bfloat16, "bool": _C.bool, "byte": _C.uint8, "cdouble": _C.complex128, "cfloat": _C.complex64, "char": _C.int8,
    "double": _C.float64, "float": _C.float32, "half": _C.float16, "int": _C.int32, "long": _C.int64, "short": _C.int16,
}  # fmt: skip


def _cast(dtype):
    def cast(self, memory_format=None):
        return self.to(dtype)

    cast.__doc__ = f"As {dtype}."
    return cast


for _name, _dtype in _CASTS.items():
    setattr(Composed, _name, _cast(_dtype))
for _name in dir(Tensor):  # is_cuda, is_mkldnn and the like
    if _name.startswith("is_") and _name not in vars(Composed) and not callable(getattr(Tensor, _name)):
        setattr(Composed, _name, property(lambda self: False))
Composed.is_cpu = property(lambda self: True)


def _table(cls):
    """The methods of a kind, by the public functions and methods of the same name, and its other functions."""
    flambeau = importlib.import_module(__package__)
    handlers = {}
    for kind in reversed(cls.__mro__[: cls.__mro__.index(Composed) + 1]):
        for name, value in vars(kind).items():
            for home in (flambeau, Tensor):
                public = _public(home, name)
                if public is not None and callable(value):
                    handlers[public] = value
                elif isinstance(value, property) and home is Tensor and hasattr(Tensor, name):
                    handlers[getattr(Tensor, name).__get__] = value.fget
    for path, value in cls._functions().items():
        home = flambeau
        for part in path.split("."):
            home = getattr(home, part)
        handlers[home] = value
    return handlers


def _public(home, name):
    """What a public function or method of this name is, if it is one (object's own methods are not)."""
    found = getattr(home, name, None)
    if found is None or not callable(found) or isinstance(found, type):
        return None
    return None if found is getattr(object, name, None) else found
