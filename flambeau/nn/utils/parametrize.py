"""Parameters that are computed from other tensors each time they are read."""

import contextlib
import copy
from collections.abc import Sequence

import flambeau
from flambeau import Tensor
from flambeau.nn.modules.container import ModuleDict, ModuleList
from flambeau.nn.parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_cache_users = 0
_cache: dict = {}


@contextlib.contextmanager
def cached():
    """Inside, a parametrized tensor is computed only once, however often it is read.

    Example::

        >>> with flambeau.nn.utils.parametrize.cached():
        ...     pass
    """
    global _cache_users
    _cache_users += 1
    try:
        yield
    finally:
        _cache_users -= 1
        if not _cache_users:
            _cache.clear()


def _keep(tensor, like):
    """The tensor as a parameter or buffer, as the one it replaces was."""
    return Parameter(tensor, like.requires_grad) if isinstance(like, Parameter) else tensor


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, and the original (or originals) it is computed from.

    Args:
        modules: the parametrizations, the first is applied first; `right_inverse` of one gives what its forward takes.
        original: the tensor before parametrizing.
        unsafe: do not check that shape and dtype stay the same.

    Example::

        >>> layer = flambeau.nn.Linear(2, 2)
        >>> _ = flambeau.nn.utils.parametrize.register_parametrization(layer, "weight", flambeau.nn.Identity())
        >>> list(layer.state_dict())
        ['bias', 'parametrizations.weight.original']
    """

    def __init__(self, modules, original, unsafe=False):
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        before = original.dtype, original.shape
        with flambeau.no_grad():
            value = original
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with contextlib.suppress(NotImplementedError):
                        value = module.right_inverse(value)
        if not isinstance(value, Tensor | Sequence):
            raise ValueError(
                "`right_inverse` must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(value).__name__}"
            )
        self.is_tensor = isinstance(value, Tensor)
        self.ntensors = 1 if self.is_tensor else len(value)
        if self.is_tensor:
            if value.dtype != original.dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {value.dtype}"
                )
            with flambeau.no_grad():
                if value is not original:
                    original.data = value.detach()
            self._own("original", original)
        else:
            for i, part in enumerate(value):
                if not isinstance(part, Tensor):
                    raise ValueError(
                        "`right_inverse` must return a Tensor or a Sequence of tensors (list, tuple...). "
                        f"Got element {i} of the sequence with type {type(part).__name__}."
                    )
                self._own(f"original{i}", _keep(part, original))
        if not unsafe:
            self._check(*before)

    def _own(self, name, tensor):
        if isinstance(tensor, Parameter):
            self.register_parameter(name, tensor)
        else:
            self.register_buffer(name, tensor)

    def _check(self, dtype, shape):
        with flambeau.no_grad():
            result = self()
        if not isinstance(result, Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
        if result.dtype != dtype:
            raise ValueError(
                "Registering a parametrization may not change the dtype of the tensor, unless `unsafe` flag is "
                f"enabled.\nunparametrized dtype: {dtype}\nparametrized dtype: {result.dtype}"
            )
        if result.shape != shape:
            raise ValueError(
                "Registering a parametrization may not change the shape of the tensor, unless `unsafe` flag is "
                f"enabled.\nunparametrized shape: {shape}\nparametrized shape: {result.shape}"
            )

    def originals(self):
        """The tensors that the value is computed from."""
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def right_inverse(self, value):
        """Changes the originals, in place, so that the parametrized tensor becomes `value`."""
        with flambeau.no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            for original, part in zip(self.originals(), self._parts(value), strict=True):
                if part.shape == original.shape:
                    original.copy_(part)
                else:
                    original.data = part.detach()

    def _parts(self, value):
        """What `right_inverse` gave, as a list of as many tensors as there are originals."""
        if self.is_tensor and not isinstance(value, Tensor):
            raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
        if not self.is_tensor and not isinstance(value, Sequence):
            raise ValueError(f"`right_inverse` must return a sequence of tensors. Got {type(value).__name__}.")
        parts = [value] if self.is_tensor else list(value)
        if len(parts) != self.ntensors:
            raise ValueError(
                "The length of the sequence of tensors returned by `right_inverse` must be equal to the number of "
                f"original tensors: got {len(parts)}, expected {self.ntensors}"
            )
        for i, (original, part) in enumerate(zip(self.originals(), parts, strict=True)):
            if not isinstance(part, Tensor):
                raise ValueError(f"`right_inverse` must return tensors. Got {type(part).__name__} at position {i}.")
            if part.dtype != original.dtype:
                raise ValueError(
                    f"The tensor that `right_inverse` returned at position {i} is {part.dtype}, its original "
                    f"{original.dtype}"
                )
        return parts

    def forward(self):
        modules = list(self)
        value = modules[0](*self.originals())
        for module in modules[1:]:
            value = module(value)
        return value


def _computed(name):
    """The property that computes a parametrized tensor."""

    def get(self):
        parametrization = self.parametrizations[name]
        if not _cache_users:
            return parametrization()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = parametrization()
        return _cache[key]

    def assign(self, value):
        self.parametrizations[name].right_inverse(value)

    return property(get, assign)


def _own_class(module):
    """Gives the module a class of its own, which can have properties."""
    cls = type(module)
    if hasattr(module, "parametrizations"):
        return

    def getstate(self):
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(). See:\n"
            "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
        )

    def deepcopy(self, memo):
        result = memo.get(id(self))
        if result is None:
            result = memo[id(self)] = self.__new__(type(self))
            result.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return result

    body = {"__getstate__": getstate, "__deepcopy__": deepcopy, "__module__": cls.__module__}
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), body)
    module.parametrizations = ModuleDict()


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """Makes a parameter or buffer of a module the result of another module.

    Args:
        module: the module.
        tensor_name: the parameter's or buffer's name.
        parametrization: a module whose forward takes the original tensor and returns the one to be used. Its method
            `right_inverse`, if it has one, makes originals from a given value.
        unsafe: do not check that shape and dtype stay the same.

    Returns:
        The module.

    Example::

        >>> class Symmetric(flambeau.nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).transpose(-1, -2)
        >>> layer = flambeau.nn.Linear(3, 3)
        >>> _ = flambeau.nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.T).all())
        True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        parametrizations = module.parametrizations[tensor_name]
        if not unsafe:
            _check_next(module, tensor_name, parametrization)
        parametrizations.append(parametrization)
        parametrizations.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        parametrizations = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        _own_class(module)
        setattr(type(module), tensor_name, _computed(tensor_name))
        module.parametrizations[tensor_name] = parametrizations
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def _check_next(module, name, parametrization):
    with flambeau.no_grad():
        before = getattr(module, name)
        after = parametrization(before)
    if not isinstance(after, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(after).__name__}.")
    if after.dtype != before.dtype or after.shape != before.shape:
        raise ValueError(
            "Registering a parametrization may not change the shape or dtype of the tensor, unless the `unsafe` flag "
            f"is enabled: {before.dtype} {tuple(before.shape)} becomes {after.dtype} {tuple(after.shape)}"
        )
    if not hasattr(parametrization, "right_inverse"):
        return
    with flambeau.no_grad():
        back = parametrization.right_inverse(after)
    if not isinstance(back, Tensor):
        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}")
    if back.dtype != before.dtype or back.shape != before.shape:
        raise ValueError(
            "The tensor returned by parametrization.right_inverse must have the dtype and shape of the parametrized one, "
            f"unless the `unsafe` flag is enabled: {before.dtype} {tuple(before.shape)} becomes {back.dtype} "
            f"{tuple(back.shape)}"
        )


def is_parametrized(module, tensor_name=None):
    """Whether a module has a parametrization, or one for the given tensor.

    Example::

        >>> layer = flambeau.nn.utils.parametrizations.weight_norm(flambeau.nn.Linear(2, 3))
        >>> flambeau.nn.utils.parametrize.is_parametrized(layer)
        True
        >>> flambeau.nn.utils.parametrize.is_parametrized(layer, "bias")
        False
    """
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """Makes a parametrized tensor an ordinary parameter or buffer again.

    Args:
        module, tensor_name: whose.
        leave_parametrized: keep the computed value; otherwise the original's.

    Returns:
        The module.

    Raises:
        ValueError: if the tensor has no parametrization, or its original is several tensors and is to be kept.

    Example::

        >>> layer = flambeau.nn.utils.parametrizations.weight_norm(flambeau.nn.Linear(2, 3))
        >>> layer = flambeau.nn.utils.parametrize.remove_parametrizations(layer, "weight")
        >>> [name for name, _ in layer.named_parameters()]
        ['bias', 'weight']
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations = module.parametrizations[tensor_name]
    originals = parametrizations.originals()
    original = originals[0]
    if parametrizations.is_tensor:
        if leave_parametrized:
            with flambeau.no_grad():
                original.data = getattr(module, tensor_name).detach()
    elif leave_parametrized:
        value = getattr(module, tensor_name).detach()
        trained = any(o.requires_grad for o in originals)
        original = Parameter(value) if trained else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if isinstance(original, Parameter):
        module.register_parameter(tensor_name, original)
    else:
        module.register_buffer(tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module):
    """The module's class without parametrizations.

    Example::

        >>> layer = flambeau.nn.utils.parametrizations.weight_norm(flambeau.nn.Linear(2, 3))
        >>> type(layer).__name__, flambeau.nn.utils.parametrize.type_before_parametrizations(layer).__name__
        ('ParametrizedLinear', 'Linear')
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module, to_module, tensor_name=None):
    """Gives one module the parametrizations and parameters of another; returns it.

    Args:
        from_module, to_module: from where, to where.
        tensor_name: only this tensor's.

    Example::

        >>> old = flambeau.nn.utils.parametrizations.weight_norm(flambeau.nn.Linear(2, 3))
        >>> new = flambeau.nn.utils.parametrize.transfer_parametrizations_and_params(old, flambeau.nn.Linear(2, 3))
        >>> flambeau.nn.utils.parametrize.is_parametrized(new, "weight"), flambeau.equal(new.weight, old.weight)
        (True, True)
    """
    if not is_parametrized(from_module):
        return to_module
    names = from_module.parametrizations if tensor_name is None else [tensor_name]
    for name in list(names):
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        for parametrization in from_module.parametrizations[name]:
            register_parametrization(to_module, name, parametrization)
        for theirs, mine in zip(
            from_module.parametrizations[name].originals(), to_module.parametrizations[name].originals(), strict=True
        ):
            mine.data = theirs.detach().clone()
    return to_module
