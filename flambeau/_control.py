"""Branches and loops as functions: here they simply run."""

__all__ = ["cond", "while_loop"]


def _truth(name, value):
    if hasattr(value, "numel") and value.numel() != 1:
        raise RuntimeError(
            f"[{name}] Expected pred to be bool or single-element tensor, but got shape {tuple(value.shape)}"
        )
    return bool(value)


def cond(pred, true_fn, false_fn, operands=()):
    """true_fn(*operands) if pred, else false_fn(*operands).

    Args:
        pred: a bool, or a tensor of one.
        true_fn, false_fn: functions of the operands with results of one structure.
        operands: a list or tuple of tensors.

    >>> flambeau.cond(flambeau.tensor(True), lambda x: x + 1, lambda x: x - 1, (flambeau.ones(2),))
    tensor([2., 2.])
    """
    return (true_fn if _truth("cond", pred) else false_fn)(*operands)


def while_loop(cond_fn, body_fn, carried_inputs):
    """The carried values after as many calls of body_fn as cond_fn wants.

    Args:
        cond_fn: of the carried values, a bool or tensor of one: whether to go on.
        body_fn: of the carried values, a tuple of the next ones.
        carried_inputs: a list or tuple of tensors or ints.

    >>> flambeau.while_loop(lambda x: x.sum() < 10, lambda x: (x + 1,), (flambeau.zeros(2),))
    (tensor([5., 5.]),)
    """
    carried = carried_inputs
    while _truth("while_loop", cond_fn(*_several(carried))):
        carried = body_fn(*_several(carried))
    return carried


def _several(values):
    return values if isinstance(values, list | tuple) else (values,)
