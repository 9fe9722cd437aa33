"""vmap's interpreter: what the core's functions do with tensors that stand for one of a batch.

A batch (`Batched.physical`) holds all of them along its first dimension. A rule computes the physical result from the physical
arguments while only the interpreters outside are active, so that nested vmaps and autograd see ordinary calls. A function
without a rule is called once for each of the batch.
"""

from collections import namedtuple

from .. import _C
from .._interpreters import RANDOM, Batched, Interpreter, active, as_primitive, below, within
from ..autograd.function import Function
from ..ops import _host

VmapInfo = namedtuple("VmapInfo", ["batch_size", "randomness"])  # what a Function's own rule gets to know

RULES: dict = {}  # name of a function of the core: rule(vmap, function, *args, **kwargs), giving the final result


def rule(*names):
    """Decorates the rule of the functions of these names."""

    def register(function):
        for name in names:
            RULES[name] = function
        return function

    return register


class Vmap(Interpreter):
    """One vmap: the size of its batch, and what random numbers do in it ("error", "different" or "same")."""

    def __init__(self, size, randomness):
        self.size, self.randomness = size, randomness

    # ---- tensors

    def holds(self, value):
        """Whether a value is a batch of this vmap, or a list or tuple with one."""
        if isinstance(value, (list, tuple)):
            return any(self.holds(item) for item in value)
        return type(value) is Batched and value.vmap is self

    def wrap(self, physical):
        """What the function inside sees of a physical result: a tensor, or a tuple or list of them."""
        if isinstance(physical, _C.Tensor):
            made = _C.make_batched(Batched, physical)
            made.physical, made.vmap = physical, self
            return made
        if isinstance(physical, (tuple, list)):
            return type(physical)([self.wrap(item) for item in physical])
        return physical

    def spread(self, x):
        """A tensor as a physical one: one that is no batch is repeated along a first dimension (without copying)."""
        return x.physical if self.holds(x) else _C.expand(x, (self.size, *x.shape))

    def own(self, x):
        """A tensor made for the batch: with memory for each."""
        if self.holds(x):
            return x
        physical = _C.clone(_C.expand(x.detach(), (self.size, *x.shape)), 0)
        return self.wrap(physical.requires_grad_(x.requires_grad))

    def aligned(self, x, rank):
        """The physical tensor of a batch with dimensions of size 1 put in until there are 1 + rank; others as they are."""
        if not self.holds(x):
            return x
        physical = x.physical
        missing = rank - x.dim()
        for _ in range(missing):
            physical = _C.unsqueeze(physical, 1)
        return physical

    # ---- calls

    def run(self, function, args, kwargs):
        if isinstance(function, str):
            return _method(self, function, args)
        name = function.__name__
        if name in RANDOM:
            from ._random_rules import random_rule

            return random_rule(self, name, function, args, kwargs)
        if not (any(map(self.holds, args)) or any(map(self.holds, kwargs.values()))):
            return function(*args, **kwargs)
        found = RULES.get(name)
        return self.loop(function, args, kwargs) if found is None else found(self, function, *args, **kwargs)

    def inside(self):
        """A context in which this vmap is active again: for rules made of other functions."""
        return within([*active(), self])

    def loop(self, function, args, kwargs):
        """The function called once for each of the batch."""
        name = getattr(function, "__name__", "")
        in_place = name.endswith("_") and not name.endswith("__")
        if in_place and not self.holds(args[0]):
            refuse_write(name)
        results = [
            function(*_each(self, args, i), **{key: _each(self, value, i) for key, value in kwargs.items()})
            for i in range(self.size)
        ]
        return args[0] if in_place else self.wrap(_stacked(results))


def spread_over_all(x):
    """A tensor as a batch of every active vmap."""
    stack = active()
    vmap = next((i for i in reversed(stack) if isinstance(i, Vmap)), None)
    if vmap is None:
        return x
    with below(vmap):
        if vmap.holds(x):
            return vmap.wrap(spread_over_all(x.physical))
        return vmap.wrap(vmap.spread(spread_over_all(x)))


def _each(vmap, value, i):
    """Tensor number i of each batch."""
    if isinstance(value, (list, tuple)):
        return type(value)([_each(vmap, item, i) for item in value])
    return value.physical[i] if vmap.holds(value) else value


def _stacked(results):
    from ..ops import stack

    first = results[0]
    if isinstance(first, _C.Tensor):
        return stack(results)
    if isinstance(first, (list, tuple)):
        columns = [_stacked(column) for column in zip(*results, strict=True)]
        return first._make(columns) if hasattr(first, "_make") else type(first)(columns)
    if any(other != first for other in results):
        raise RuntimeError(f"vmap: a function gives values that are no tensors and differ within the batch: {results}")
    return first


def refuse_write(name):
    raise RuntimeError(
        f"vmap: {name}(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has more "
        "elements than `self`. This happened due to `other` being vmapped over but `self` not being vmapped over at this "
        "level. Please try to use the out-of-place form instead of the in-place one, or write into a tensor made from the "
        "batch, for example with new_zeros or zeros_like."
    )


# ------------------------------------------------------------------------------------------------ methods of Tensor

_NUMBERS = {"item", "tolist", "__int__", "__float__", "__index__", "data_ptr"}
_OF_PHYSICAL = {
    "requires_grad", "is_leaf", "grad_fn", "_version", "_is_view_flag", "output_nr", "retains_grad", "is_inference",
}  # fmt: skip
_WRAPPED = {"grad", "data", "_base"}


def _method(vmap, name, args):
    """An operator, method or attribute of Tensor that the core implements itself; with only outer interpreters active."""
    found = as_primitive(name, args)
    if found is not None:
        with vmap.inside():
            return getattr(_C, found[0])(*found[1])
    if not any(map(vmap.holds, args)):
        return _method_of_outer(name, args)
    return _attribute(vmap, name, args)


def _method_of_outer(name, args):
    """A call for the next interpreter outside, if there is one."""
    stack = active()
    if not stack:
        return NotImplemented
    with below():
        return stack[-1].run(name, args, {})


def _attribute(vmap, name, args):
    x = args[0]
    if name == "__getitem__":
        from ._index_rules import get_item

        return get_item(vmap, *args)
    if name == "__setitem__":
        from ._index_rules import set_item

        return set_item(vmap, *args)
    if name in _OF_PHYSICAL:
        return getattr(x.physical, name)
    if name in _WRAPPED:
        value = getattr(x.physical, name)
        return None if value is None else vmap.wrap(value)
    if name.endswith("="):
        value = args[1]
        setattr(x.physical, name[:-1], vmap.spread(value) if isinstance(value, _C.Tensor) else value)
        return None
    if name in ("T", "mT", "H", "mH"):
        return _transposed(vmap, name, x)
    if name in _NUMBERS:
        raise RuntimeError(
            f"vmap: It looks like you're calling .{name}() on a Tensor. We don't support vmap over calling .{name}() on a "
            "Tensor, please try to rewrite what you're doing with other operations."
        )
    if name == "__bool__":
        raise RuntimeError(
            "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support "
            "that: use torch.where, or compute both branches."
        )
    return NotImplemented


def _transposed(vmap, name, x):
    with vmap.inside():
        order = list(range(x.dim()))
        if name == "T" or x.dim() < 2:
            order.reverse()
        else:
            order[-2:] = order[-1], order[-2]
        result = _C.permute(x, order)
        return result.conj() if name in ("H", "mH") else result


# ------------------------------------------------------------------------------------------------ helpers of the rules


def along(x, dim):
    """The physical tensor of a batch, the physical number of one of its dimensions, and whether x has no dimensions: then it
    gets one of size 1, which the caller takes away again."""
    if x.dim() == 0:
        if dim not in (0, -1):
            raise IndexError(f"Dimension out of range (expected to be in range of [-1, 0], but got {dim})")
        return _C.unsqueeze(x.physical, 1), 1, True
    return x.physical, place(x, dim), False


def place(x, dim):
    """The physical number of a dimension of a batch."""
    n = max(x.dim(), 1)
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim % n + 1


def without_dim(physical):
    """Takes away the dimension that `along` put in, where it is still there."""
    if isinstance(physical, (list, tuple)):
        return type(physical)([without_dim(item) for item in physical])
    return _C.squeeze(physical, (1,)) if physical.dim() > 1 else physical


def folded(physical):
    """The dimension of the batch and the next one as one."""
    return _C.reshape(physical, (physical.shape[0] * physical.shape[1], *physical.shape[2:]))


def unfolded(physical, size):
    """The opposite of `folded`; of a tuple each."""
    if isinstance(physical, (list, tuple)):
        return type(physical)([unfolded(item, size) for item in physical])
    if physical is None:
        return None
    return _C.reshape(physical, (size, physical.shape[0] // size, *physical.shape[1:]))


@rule("memory", "to_dlpack", "from_array", "clone_storage")
def _no_memory(vmap, function, *args):
    _attribute(vmap, "data_ptr", args)


# ------------------------------------------------------------------------------------------------ functions in Python

# Of one matrix, or of a batch of them along the first dimensions.
_OF_MATRICES = {
    "LinalgInvEx", "LinalgDet", "LinalgSlogdet", "LinalgMatrixExp", "LinalgLuFactorEx", "LinalgCholeskyEx", "LinalgEigh", "LinalgEig",
    "LinalgSvd", "LinalgQr",
}  # fmt: skip


class ValueRules:
    """For functions whose values are computed outside the core (ops/_host.py)."""

    @staticmethod
    def _through(function, args, kwargs, by_rule):
        """by_rule(vmap) for the innermost vmap, if it has one of the arguments; else the next one outside is asked."""
        values = (*args, *kwargs.values())
        if not active() or not any(type(v) is Batched for value in values for v in _listed(value)):
            return NotImplemented
        vmap = active()[-1]
        with below():
            return by_rule(vmap) if isinstance(vmap, Vmap) and vmap.holds(values) else function(*args, **kwargs)

    @classmethod
    def host(cls, host, name, compute, tensors, *rest):
        def by_rule(vmap):
            if name in _OF_MATRICES:
                return vmap.wrap(host(name, compute, [t.physical for t in tensors], *rest))
            return vmap.loop(lambda *each: host(name, compute, list(each), *rest), tensors, {})

        return cls._through(host, (name, compute, tensors, *rest), {}, by_rule)

    @staticmethod
    def copied_for(target, sources):
        copy = _C.clone(target, 1)
        for vmap in active():
            if any(vmap.holds(_at(source, vmap)) for source in sources if type(source) is Batched):
                return spread_over_all(copy).clone()
        return copy

    @classmethod
    def one_by_one(cls, function, args, kwargs):
        return cls._through(function, args, kwargs, lambda vmap: vmap.loop(function, args, kwargs))

    @classmethod
    def pointwise(cls, function, args, kwargs):
        def by_rule(vmap):
            rank = max(v.dim() for v in args if isinstance(v, _C.Tensor))
            return vmap.wrap(function(*[vmap.aligned(v, rank) if vmap.holds(v) else v for v in args], **kwargs))

        return cls._through(function, args, kwargs, by_rule)

    @classmethod
    def along_dims(cls, function, args, kwargs):
        def by_rule(vmap):
            x, dims, *rest = args
            return vmap.wrap(function(x.physical, [d + 1 for d in dims], *rest, **kwargs))

        return cls._through(function, args, kwargs, by_rule)


def _at(x, vmap):
    """The batch of `vmap` in a batch of batches, or the innermost."""
    while type(x) is Batched and x.vmap is not vmap:
        x = x.physical
    return x


def _listed(value):
    return value if isinstance(value, (list, tuple)) else (value,)


def _apply_rule(cls, plain, args, kwargs):
    """autograd.Function.apply: by its own rule (`vmap(info, in_dims, *args)`), else for each of the batch."""
    found = [i for i in reversed(active()) if isinstance(i, Vmap) and any(map(i.holds, args))]
    if not found:
        return plain(cls, *args, **kwargs)
    vmap = active()[-1]
    with below():
        if vmap is not found[0]:
            return cls.apply(*args, **kwargs)
        if cls.vmap is Function.vmap:
            if not cls.generate_vmap_rule and cls.setup_context is not Function.setup_context:
                raise RuntimeError(
                    f"You tried to vmap over {cls.__name__}, but it does not have vmap support. Please override and implement "
                    "the vmap staticmethod or set generate_vmap_rule=True."
                )
            return vmap.loop(cls.apply, args, kwargs)
        return _own_rule(vmap, cls, args)


def _own_rule(vmap, cls, args):
    info = VmapInfo(vmap.size, vmap.randomness)
    in_dims = tuple(0 if vmap.holds(x) else None for x in args)
    output, dims = cls.vmap(info, in_dims, *(x.physical if vmap.holds(x) else x for x in args))
    if not isinstance(output, tuple):
        return output if dims is None else vmap.wrap(output.movedim(dims, 0))
    dims = dims if isinstance(dims, tuple) else (dims,) * len(output)
    return tuple(y if d is None else vmap.wrap(y.movedim(d, 0)) for y, d in zip(output, dims, strict=True))


def _install():
    plain = Function.apply.__func__
    Function.apply = classmethod(lambda cls, *args, **kwargs: _apply_rule(cls, plain, args, kwargs))
    _host.vmap_rules = ValueRules


_install()

from . import _index_rules, _math_rules, _nn_rules  # noqa: E402,F401  (they fill RULES)
