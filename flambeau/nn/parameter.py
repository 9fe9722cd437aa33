"""Tensors that a module owns: trained (`Parameter`) or merely kept (`Buffer`), and their still shapeless forms."""

from collections import OrderedDict

import flambeau
from flambeau import Tensor

from .. import _C


class _ParameterMeta(type):
    """A parameter made from a user's Tensor subclass keeps its class, and is marked."""

    def __instancecheck__(cls, instance):
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that a `Module` registers as trainable when it is assigned as an attribute.

    Args:
        data: the tensor to wrap, any shape; its storage is shared. An empty tensor if left out.
        requires_grad: whether gradients are recorded for it.

    Example::

        >>> w = flambeau.nn.Parameter(flambeau.ones(2, 3))
        >>> w.requires_grad, w.is_leaf
        (True, True)
    """

    __torch_function__ = _C._disabled_torch_function_impl  # results are plain tensors

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = flambeau.empty(0)
        if type(data) is Tensor or isinstance(data, Parameter):
            return Tensor._make_subclass(cls, data, requires_grad)
        if not isinstance(data, Tensor):
            raise TypeError(
                f"[Parameter] data must be a Tensor, got {type(data).__name__}; wrap it in flambeau.tensor()"
            )
        result = data.detach().requires_grad_(requires_grad)  # keeps the class of a user's Tensor subclass
        result._is_param = True
        return result

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        result = type(self)(self.data.clone(memory_format=flambeau.preserve_format), self.requires_grad)
        result.__dict__.update(_copied_attributes(self, memo))
        memo[id(self)] = result
        return result

    def __repr__(self):
        return "Parameter containing:\n" + repr(Tensor._make_subclass(Tensor, self, self.requires_grad))

    def __reduce_ex__(self, protocol):
        return _rebuild_parameter, (
            self.data,
            self.requires_grad,
            self.__dict__ or None,
        )


def _copied_attributes(tensor, memo):
    """What a user hung on the tensor, copied deeply."""
    from copy import deepcopy

    return {name: deepcopy(value, memo) for name, value in tensor.__dict__.items()}


def _rebuild_parameter(data, requires_grad, attributes=None):
    result = Parameter(data, requires_grad)
    if isinstance(attributes, dict) and not isinstance(attributes, OrderedDict):
        result.__dict__.update(attributes)
    return result


class _BufferMeta(type):
    """Buffers are tensors that are marked."""

    def __instancecheck__(cls, instance):
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Buffer and isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that a `Module` registers as a buffer when it is assigned: part of its state, not trained.

    Args:
        data: the tensor, any shape; an empty one if left out.
        persistent: whether it belongs to the module's `state_dict`.

    The result is an ordinary `Tensor` that carries a mark, which `isinstance(t, Buffer)` asks for.

    Example::

        >>> b = flambeau.nn.Buffer(flambeau.zeros(2))
        >>> b.persistent, b.requires_grad
        (True, False)
    """

    __torch_function__ = _C._disabled_torch_function_impl  # results are plain tensors

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = flambeau.empty(0)
        result = data.detach().requires_grad_(data.requires_grad)
        result.persistent = persistent
        result._is_buffer = True
        return result


def _refuse(what):
    raise ValueError(
        f"[{what}] the tensor has no shape yet: it belongs to a lazy module that has not been called. "
        "Call `forward` with one batch first (lazy modules take their shapes from it)"
    )


class UninitializedTensorMixin:
    """What a parameter and a buffer without a shape have in common.

    Only what a lazy module needs before its first call works: moving to another dtype or device, saving, and
    `materialize(shape)`.
    """

    cls_to_become: type | None = None

    def materialize(self, shape, device=None, dtype=None):
        """Turns it in place into an ordinary, uninitialised tensor of the given shape."""
        with flambeau.no_grad():
            self.data = flambeau.empty(shape, device=device or self.data.device, dtype=dtype or self.data.dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. "
            "This error usually happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self):
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self):
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol):
        return type(self), (self.requires_grad,)

    def _no_value(self, *args, **kwargs):
        _refuse(type(self).__name__)

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _no_value
    __matmul__ = __rmatmul__ = __pow__ = __neg__ = __getitem__ = __setitem__ = __iter__ = __len__ = _no_value
    numel = sum = mean = view = reshape = copy_ = normal_ = uniform_ = fill_ = zero_ = item = numpy = _no_value


def is_lazy(param):
    """True for a parameter or buffer without a shape."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A `Parameter` of a lazy module whose shape is not known yet; `materialize(shape)` makes it an ordinary one.

    Example::

        >>> p = flambeau.nn.parameter.UninitializedParameter()
        >>> p.materialize((2, 3))
        >>> type(p).__name__, p.shape
        ('Parameter', torch.Size([2, 3]))
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return Tensor._make_subclass(cls, flambeau.empty(0, device=device, dtype=dtype), requires_grad)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer of a lazy module whose shape is not known yet.

    Example::

        >>> b = flambeau.nn.parameter.UninitializedBuffer()
        >>> b.materialize((2,))
        >>> b.shape
        torch.Size([2])
    """

    cls_to_become = Tensor
    __torch_function__ = _C._disabled_torch_function_impl

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        result = Tensor._make_subclass(cls, flambeau.empty(0, device=device, dtype=dtype), requires_grad)
        result.persistent = persistent
        result._is_buffer = True
        return result

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            data = self.data
            memo[id(self)] = type(self)(self.requires_grad, data.device, data.dtype, self.persistent)
        return memo[id(self)]
