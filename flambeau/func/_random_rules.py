"""What random numbers do inside vmap, by its `randomness`."""

from .. import _C
from ._batching import unfolded

_CREATION = {"rand": 0, "randn": 0, "randint": 2, "randperm": None}  # where the size stands among the arguments


def random_rule(vmap, name, function, args, kwargs):
    if vmap.randomness == "error":
        raise RuntimeError(
            "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
            "randomness flags on vmap or perform the randomness operation out of vmap"
        )
    if name in _CREATION:
        return _created(vmap, name, function, args, kwargs)
    if name.endswith("_"):
        return _written(vmap, name, function, args, kwargs)
    return _drawn(vmap, name, function, args, kwargs)


def _created(vmap, name, function, args, kwargs):
    if vmap.randomness == "same":
        return function(*args, **kwargs)
    at = _CREATION[name]
    if at is None:
        from ..ops import stack

        return vmap.wrap(stack([function(*args, **kwargs) for _ in range(vmap.size)]))
    args = list(args)
    args[at] = (vmap.size, *args[at])
    return vmap.wrap(function(*args, **kwargs))


def _written(vmap, name, function, args, kwargs):
    x, rest = args[0], args[1:]
    if not vmap.holds(x):
        if vmap.randomness == "different":
            raise RuntimeError(
                "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same "
                "randomness. If this is necessary for your usage, please use a tensor of the batch (zeros_like, for example)."
            )
        return function(*args, **kwargs)
    if vmap.randomness == "different":
        function(x.physical, *[vmap.aligned(v, x.dim()) if isinstance(v, _C.Tensor) else v for v in rest], **kwargs)
        return x
    if any(map(vmap.holds, rest)):
        _refuse_same()
    one = _C.clone(x.physical[0], 0).detach()
    function(one, *rest, **kwargs)
    _C.copy_(x.physical, one)
    return x


def _refuse_same():
    raise RuntimeError(
        "Vmap does not currently support same randomness with a batched tensor input. Please use randomness='different'"
    )


def _drawn(vmap, name, function, args, kwargs):
    batched = any(map(vmap.holds, args))
    if vmap.randomness == "same":
        if not batched:
            return function(*args, **kwargs)
        if name == "dropout":
            return vmap.wrap(args[0].physical * function(_C.ones_like(args[0].physical[0]).detach(), *args[1:]))
        _refuse_same()
    spread = [vmap.spread(v) if isinstance(v, _C.Tensor) else v for v in args]
    if name == "multinomial" and args[0].dim() == 2:
        rows = spread[0].reshape(-1, spread[0].shape[-1])
        return vmap.wrap(unfolded(function(rows, *spread[1:], **kwargs), vmap.size))
    return vmap.wrap(function(*spread, **kwargs))
