"""How the losses of the elements become one number."""

import warnings

REDUCTIONS = ("none", "mean", "sum")
_KNOWN = frozenset(REDUCTIONS)


def legacy_get_string(size_average, reduce, emit_warning=True):
    """The reduction that the old arguments `size_average` and `reduce` mean."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    result = "none" if not reduce else "mean" if size_average else "sum"
    if emit_warning:
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{result}' instead.", stacklevel=4
        )
    return result


def choose(reduction, size_average=None, reduce=None):
    """The reduction, after the old arguments and a check."""
    if size_average is not None or reduce is not None:
        return legacy_get_string(size_average, reduce)
    if reduction not in _KNOWN:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def get_enum(reduction):
    """The number that torch's core has for a reduction."""
    return REDUCTIONS.index(choose("mean" if reduction == "elementwise_mean" else reduction))


def legacy_get_enum(size_average, reduce, emit_warning=True):
    """The number for the old arguments `size_average` and `reduce`."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))


def reduced(losses, reduction):
    """The losses as they are, their mean or their sum."""
    if reduction == "mean":
        return losses.mean()
    return losses.sum() if reduction == "sum" else losses
