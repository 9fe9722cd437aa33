"""Pruning: parts of a parameter are switched off by a mask, which a hook applies before each forward."""

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable

import flambeau


class BasePruningMethod(ABC):
    """What all ways to prune have in common; a subclass says in `compute_mask` which entries stay.

    `apply` makes `name`_orig the parameter and `name`_mask a buffer, and the method itself a hook that sets the attribute
    `name` to their product before each forward.

    Attributes:
        PRUNING_TYPE: "unstructured" (single entries), "structured" (slices along `dim`) or "global" (any): what of a tensor
            that is pruned already a further method may look at.

    Example::

        >>> from flambeau.nn.utils import prune
        >>> class EverySecond(prune.BasePruningMethod):
        ...     PRUNING_TYPE = "unstructured"
        ...     def compute_mask(self, t, default_mask):
        ...         mask = default_mask.clone()
        ...         mask.view(-1)[::2] = 0
        ...         return mask
        >>> layer = flambeau.nn.Linear(2, 2)
        >>> _ = EverySecond.apply(layer, "weight")
        >>> layer.weight_mask
        tensor([[0., 1.],
                [0., 1.]])
    """

    _tensor_name: str

    def __call__(self, module, inputs):
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t, default_mask):
        """The mask (1 stays, 0 goes) for importance scores `t`, on top of the mask so far; same shapes."""

    def apply_mask(self, module):
        """The original parameter times its mask."""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        mask = getattr(module, self._tensor_name + "_mask")
        original = getattr(module, self._tensor_name + "_orig")
        return mask.to(dtype=original.dtype) * original

    @classmethod
    def apply(cls, module, name, *args, importance_scores=None, **kwargs):
        """Prunes parameter `name` of a module, after what pruned it before.

        Args:
            module: the module.
            name: the parameter's name.
            args, kwargs: the method's own arguments.
            importance_scores: a tensor of the parameter's shape to judge by instead of its values.

        Returns:
            The method that is now the module's hook: a `PruningContainer` if there was one already.
        """
        method = before = _take_hook(module, name)
        if before is None:
            method = cls(*args, **kwargs)
            method._tensor_name = name
        else:
            method = before if isinstance(before, PruningContainer) else PruningContainer(before)
            added = cls(*args, **kwargs)
            added._tensor_name = name
            method.add_pruning_method(added)
        original = getattr(module, name)
        if importance_scores is None:
            importance_scores = original
        elif importance_scores.shape != original.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, "
                f"got {importance_scores.shape} vs {original.shape}"
            )
        if before is None:
            module.register_parameter(name + "_orig", original)
            del module._parameters[name]
            mask = flambeau.ones_like(original)
        else:
            mask = getattr(module, name + "_mask").detach().clone(memory_format=flambeau.contiguous_format)
        try:
            with flambeau.no_grad():
                mask = method.compute_mask(importance_scores, default_mask=mask)
            module.register_buffer(name + "_mask", mask)
            setattr(module, name, method.apply_mask(module))
            module.register_forward_pre_hook(method)
        except Exception:
            if before is None:
                module.register_parameter(name, original)
                del module._parameters[name + "_orig"]
            raise
        return method

    def prune(self, t, default_mask=None, importance_scores=None):
        """A pruned copy of a tensor, outside of any module.

        Args:
            t: the tensor.
            default_mask: the mask so far; ones if left out.
            importance_scores: what to judge by; `t` itself if left out.
        """
        if importance_scores is None:
            importance_scores = t
        elif importance_scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        mask = flambeau.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(importance_scores, default_mask=mask)

    def remove(self, module):
        """Makes the pruned values the parameter for good; the mask and the original go."""
        name = self._tensor_name
        if name is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        original = module._parameters[name + "_orig"]
        original.data = self.apply_mask(module).data
        del module._parameters[name + "_orig"]
        del module._buffers[name + "_mask"]
        if hasattr(module, name):
            delattr(module, name)
        module.register_parameter(name, original)


class PruningContainer(BasePruningMethod):
    """Several methods that prune the same parameter one after the other.

    Args:
        args: the methods, all of one parameter.

    Example::

        >>> from flambeau.nn.utils import prune
        >>> layer = flambeau.nn.Linear(4, 4)
        >>> _ = prune.l1_unstructured(layer, "weight", 4)
        >>> _ = prune.random_unstructured(layer, "weight", 4)
        >>> int(layer.weight_mask.sum()), len(next(iter(layer._forward_pre_hooks.values())))
        (8, 2)
    """

    def __init__(self, *args):
        self._pruning_methods = ()
        if len(args) == 1 and not isinstance(args[0], Iterable):
            self._tensor_name = args[0]._tensor_name
            self.add_pruning_method(args[0])
        else:
            for method in args:
                self.add_pruning_method(method)

    def add_pruning_method(self, method):
        """Appends a method; a TypeError if it is none, a ValueError if it prunes another parameter."""
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        own = getattr(self, "_tensor_name", None)
        if method is not None and own is None:
            self._tensor_name = method._tensor_name
        elif method is not None and own != method._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{own}' to PruningContainer {self}. "
                f"Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self):
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, idx):
        return self._pruning_methods[idx]

    def compute_mask(self, t, default_mask):
        """The mask of the last method, computed on what the ones before have left."""
        method = self._pruning_methods[-1]
        mask = default_mask.clone().to(dtype=t.dtype)
        left = _what_is_left(method, default_mask)
        mask[left] = method.compute_mask(t[left], default_mask=default_mask[left]).to(dtype=t.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing: gives the parameter a mask of ones.

    Example::

        >>> flambeau.nn.utils.prune.Identity().prune(flambeau.ones(2))
        tensor([1., 1.])
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        """The mask so far."""
        return default_mask

    @classmethod
    def apply(cls, module, name):
        """Gives parameter `name` a mask."""
        return super().apply(module, name)


class RandomUnstructured(BasePruningMethod):
    """Prunes entries drawn at random.

    Args:
        amount: how many (an int), or which part of them (a float from 0 to 1).

    Example::

        >>> int(flambeau.nn.utils.prune.RandomUnstructured(3).prune(flambeau.ones(10)).sum())
        7
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount):
        _validate_pruning_amount_init(amount)
        self.amount = amount

    def compute_mask(self, t, default_mask):
        """The mask without `amount` entries that were drawn."""
        count = _checked_count(self.amount, t.nelement())
        mask = default_mask.clone(memory_format=flambeau.contiguous_format)
        if count:
            drawn = flambeau.rand_like(t).view(-1).topk(count).indices
            mask.view(-1)[drawn] = 0
        return mask

    @classmethod
    def apply(cls, module, name, amount):
        """Prunes parameter `name` of a module."""
        return super().apply(module, name, amount=amount)


class L1Unstructured(BasePruningMethod):
    """Prunes the entries of the smallest absolute value.

    Args:
        amount: how many (an int), or which part of them (a float from 0 to 1).

    Example::

        >>> flambeau.nn.utils.prune.L1Unstructured(0.5).prune(flambeau.tensor([1.0, -3.0, 2.0, 0.5]))
        tensor([ 0., -3.,  2.,  0.])
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount):
        _validate_pruning_amount_init(amount)
        self.amount = amount

    def compute_mask(self, t, default_mask):
        """The mask without the `amount` smallest entries."""
        count = _checked_count(self.amount, t.nelement())
        mask = default_mask.clone(memory_format=flambeau.contiguous_format)
        if count:
            smallest = t.abs().reshape(-1).topk(count, largest=False).indices
            mask.view(-1)[smallest] = 0
        return mask

    @classmethod
    def apply(cls, module, name, amount, importance_scores=None):
        """Prunes parameter `name` of a module."""
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class RandomStructured(BasePruningMethod):
    """Prunes whole slices along a dimension, drawn at random.

    Args:
        amount: how many (an int), or which part of them (a float from 0 to 1).
        dim: the dimension.

    Example::

        >>> pruned = flambeau.nn.utils.prune.RandomStructured(1, dim=0).prune(flambeau.ones(3, 4))
        >>> sorted(pruned.sum(1).tolist())
        [0.0, 4.0, 4.0]
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim=-1):
        _validate_pruning_amount_init(amount)
        self.amount = amount
        self.dim = dim

    def compute_mask(self, t, default_mask):
        """The mask without the slices that were drawn."""
        count = _slices_to_prune(t, self.dim, self.amount)
        if not count:
            return default_mask
        drawn = flambeau.rand(t.shape[self.dim])
        kept = (drawn > drawn.kthvalue(count).values).nonzero().reshape(-1)
        return _slices_mask(t, self.dim, kept) * default_mask.to(dtype=t.dtype)

    @classmethod
    def apply(cls, module, name, amount, dim=-1):
        """Prunes parameter `name` of a module."""
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(BasePruningMethod):
    """Prunes whole slices along a dimension: those of the smallest norm.

    Args:
        amount: how many (an int), or which part of them (a float from 0 to 1).
        n: the order of the norm, as for `flambeau.norm`.
        dim: the dimension.

    Example::

        >>> x = flambeau.tensor([[1.0, 1.0], [3.0, 0.0], [2.0, 2.0]])
        >>> flambeau.nn.utils.prune.LnStructured(1, n=2, dim=0).prune(x)
        tensor([[0., 0.],
                [3., 0.],
                [2., 2.]])
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount, n, dim=-1):
        _validate_pruning_amount_init(amount)
        self.amount = amount
        self.n = n
        self.dim = dim

    def compute_mask(self, t, default_mask):
        """The mask without the slices of the smallest norm."""
        count = _slices_to_prune(t, self.dim, self.amount)
        if not count:
            return default_mask
        kept = _compute_norm(t, self.n, self.dim).topk(t.shape[self.dim] - count).indices
        return _slices_mask(t, self.dim, kept) * default_mask.to(dtype=t.dtype)

    @classmethod
    def apply(cls, module, name, amount, n, dim, importance_scores=None):
        """Prunes parameter `name` of a module."""
        return super().apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask that is given.

    Args:
        mask: a tensor of the parameter's shape.

    Example::

        >>> flambeau.nn.utils.prune.CustomFromMask(flambeau.tensor([1.0, 0.0])).prune(flambeau.tensor([2.0, 3.0]))
        tensor([2., 0.])
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        """The given mask on top of the one so far."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)

    @classmethod
    def apply(cls, module, name, mask):
        """Prunes parameter `name` of a module."""
        return super().apply(module, name, mask=mask)


def identity(module, name):
    """Gives a parameter a mask of ones, without pruning it; returns the module.

    Example::

        >>> layer = flambeau.nn.utils.prune.identity(flambeau.nn.Linear(2, 3), "bias")
        >>> layer.bias_mask
        tensor([1., 1., 1.])
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module, name, amount):
    """Prunes entries of a parameter drawn at random; returns the module. See `RandomUnstructured`.

    Example::

        >>> layer = flambeau.nn.utils.prune.random_unstructured(flambeau.nn.Linear(2, 3), "weight", amount=1)
        >>> int((layer.weight_mask == 0).sum())
        1
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module, name, amount, importance_scores=None):
    """Prunes the entries of the smallest absolute value; returns the module. See `L1Unstructured`.

    Example::

        >>> layer = flambeau.nn.utils.prune.l1_unstructured(flambeau.nn.Linear(2, 3), "weight", amount=0.5)
        >>> list(layer.state_dict())
        ['bias', 'weight_orig', 'weight_mask']
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module, name, amount, dim):
    """Prunes slices along a dimension, drawn at random; returns the module. See `RandomStructured`.

    Example::

        >>> layer = flambeau.nn.utils.prune.random_structured(flambeau.nn.Linear(5, 3), "weight", amount=3, dim=1)
        >>> int((layer.weight.sum(0) == 0).sum())
        3
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module, name, amount, n, dim, importance_scores=None):
    """Prunes the slices of the smallest norm along a dimension; returns the module. See `LnStructured`.

    Example::

        >>> layer = flambeau.nn.Conv2d(2, 4, 3)
        >>> _ = flambeau.nn.utils.prune.ln_structured(layer, "weight", amount=0.5, n=2, dim=0)
        >>> int((layer.weight.flatten(1).sum(1) == 0).sum())
        2
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def global_unstructured(parameters, pruning_method, importance_scores=None, **kwargs):
    """Prunes several parameters at once, as if they were one vector.

    Args:
        parameters: pairs of module and parameter name.
        pruning_method: a class whose `PRUNING_TYPE` is "unstructured".
        importance_scores: a dict from such a pair to the tensor to judge by; the parameter itself where there is none.
        kwargs: the method's arguments.

    Raises:
        TypeError: for parameters that are no iterable, scores that are no dict, another kind of method.

    Example::

        >>> from flambeau.nn.utils import prune
        >>> a, b = flambeau.nn.Linear(2, 2), flambeau.nn.Linear(2, 2)
        >>> prune.global_unstructured([(a, "weight"), (b, "weight")], prune.L1Unstructured, amount=3)
        >>> int(a.weight_mask.sum() + b.weight_mask.sum())
        5
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    parameters = list(parameters)
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. '
            f"Found method {pruning_method} of type {method.PRUNING_TYPE}"
        )
    tensors = [getattr(module, name) for module, name in parameters]
    masks = [getattr(m, n + "_mask", flambeau.ones_like(t)) for (m, n), t in zip(parameters, tensors, strict=True)]
    judged = [scores.get(place, tensor) for place, tensor in zip(parameters, tensors, strict=True)]
    method._tensor_name = "temp"
    with flambeau.no_grad():
        vector = flambeau.cat([tensor.reshape(-1) for tensor in judged])
        mask = flambeau.cat([mask.reshape(-1) for mask in masks])
        mask = PruningContainer(method).compute_mask(vector, mask)
    parts = mask.split([tensor.numel() for tensor in tensors])
    for (module, name), tensor, part in zip(parameters, tensors, parts, strict=True):
        custom_from_mask(module, name, mask=part.reshape(tensor.shape))


def custom_from_mask(module, name, mask):
    """Prunes a parameter by a mask of its shape; returns the module.

    Example::

        >>> layer = flambeau.nn.Linear(2, 3)
        >>> mask = flambeau.tensor([0.0, 1.0, 0.0])
        >>> flambeau.nn.utils.prune.custom_from_mask(layer, "bias", mask).bias[0].item()
        0.0
    """
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module, name):
    """Makes a parameter's pruned values permanent: no mask and no hook any more; returns the module.

    Raises:
        ValueError: the parameter is not pruned.

    Example::

        >>> layer = flambeau.nn.utils.prune.l1_unstructured(flambeau.nn.Linear(2, 3), "weight", 2)
        >>> list(flambeau.nn.utils.prune.remove(layer, "weight").state_dict())
        ['bias', 'weight']
    """
    method = _take_hook(module, name)
    if method is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    method.remove(module)
    return module


def is_pruned(module):
    """Whether anything in a module or below is pruned.

    Example::

        >>> flambeau.nn.utils.prune.is_pruned(flambeau.nn.Linear(2, 3))
        False
    """
    return any(isinstance(hook, BasePruningMethod) for m in module.modules() for hook in _pre_hooks(m).values())


def _pre_hooks(module):
    return (
        module.__dict__.get("_forward_pre_hooks") or {}
    )  # asking for the property would make every call look for hooks


def _take_hook(module, name):
    """The method that prunes a parameter, taken off the module; None if there is none."""
    for key, hook in _pre_hooks(module).items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            del module._forward_pre_hooks[key]
            return hook
    return None


def _what_is_left(method, mask):
    """The index of what a method may look at, of a tensor with this mask."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    if method.PRUNING_TYPE == "structured":
        if not hasattr(method, "dim"):
            raise AttributeError(
                "Pruning methods of PRUNING_TYPE 'structured' need to have the attribute `dim` defined."
            )
        dim = method.dim % mask.dim()
        others = [d for d in range(mask.dim()) if d != dim]
        return (*[slice(None)] * dim, mask.sum(dim=others) != 0)
    if method.PRUNING_TYPE == "global":
        return (slice(None),) * mask.dim()
    raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")


def _validate_pruning_amount_init(amount):
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (not isinstance(amount, numbers.Integral) and not float(amount) <= 1):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _validate_pruning_amount(amount, tensor_size):
    if isinstance(amount, numbers.Integral) and amount > tensor_size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={tensor_size}")


def _validate_structured_pruning(t):
    if t.dim() <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. "
            f"Found tensor of shape {t.shape} with {t.dim()} dims"
        )


def _validate_pruning_dim(t, dim):
    if dim >= t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


def _compute_nparams_toprune(amount, tensor_size):
    return amount if isinstance(amount, numbers.Integral) else round(amount * tensor_size)


def _compute_norm(t, n, dim):
    """The norms of the slices along a dimension."""
    others = [d for d in range(t.dim()) if d != dim % t.dim()]
    return flambeau.norm(t, p=n, dim=others)


def _checked_count(amount, size):
    count = _compute_nparams_toprune(amount, size)
    _validate_pruning_amount(count, size)
    return count


def _slices_to_prune(t, dim, amount):
    _validate_structured_pruning(t)
    _validate_pruning_dim(t, dim)
    return _checked_count(amount, t.shape[dim])


def _slices_mask(t, dim, kept):
    return flambeau.zeros_like(t).index_fill_(dim, kept, 1)
