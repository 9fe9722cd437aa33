"""rearrange: the dimensions of a tensor by name."""

import math
import re

__all__ = ["rearrange"]

_ANY = ("...",)
_TOKENS = re.compile(r"\.\.\.|[()]|\w+|\S")


def rearrange(tensor, pattern, **axes_lengths):
    """Permute, split and join the dimensions of a tensor, which a pattern names on both sides of an arrow.

    Args:
        tensor: a tensor, or a list of them, which is stacked.
        pattern: such as "b (h w) c -> b c h w": names, `...` for any number of dimensions, parentheses for what is one dimension,
            1 or () for one of size 1.
        axes_lengths: sizes of names in parentheses; one of each may be left out.

    Raises:
        ValueError: the pattern is wrong, or does not fit the tensor.

    >>> flambeau.func.rearrange(flambeau.arange(6), "(rows columns) -> columns rows", rows=2)
    tensor([[0, 3],
            [1, 4],
            [2, 5]])
    """
    if isinstance(tensor, (list, tuple)):
        from ..ops import stack

        tensor = stack(tensor)
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError("Pattern must contain a single '->' separator")
    left, right = map(_groups, sides)
    _check(left, right, pattern, axes_lengths)
    left, extra = _without_ellipsis(left, tensor.dim())
    right = [
        [name for part in group for name in (extra if part == "..." else [part])] for group in _spread(right, extra)
    ]
    sizes = _sizes(left, tensor.shape, axes_lengths)
    names = [name for group in left for name in group]
    order = [name for group in right for name in group]
    split = tensor.reshape([sizes[name] for name in names])
    return split.permute([names.index(name) for name in order]).reshape(
        [math.prod(sizes[name] for name in group) for group in right]
    )


def _groups(text):
    """A side of the pattern: a list of names for each dimension; 1 is an empty list, `...` outside of parentheses is a tuple."""
    groups, open_group = [], None
    for token in _TOKENS.findall(text):
        if token == "(":
            if open_group is not None:
                raise ValueError("Axis composition is one-level (brackets inside brackets not allowed)")
            open_group = []
        elif token == ")":
            if open_group is None:
                raise ValueError(f"Imbalanced parentheses in expression: {text!r}")
            groups.append(open_group)
            open_group = None
        else:
            _check_token(token)
            part = [] if token == "1" else [token]
            if open_group is not None:
                open_group += part
            else:
                groups.append(_ANY if token == "..." else part)
    if open_group is not None:
        raise ValueError(f"Imbalanced parentheses in expression: {text!r}")
    return groups


def _check_token(token):
    if token == ".":
        raise ValueError("Expression may contain dots only inside ellipsis (...)")
    if token.isdecimal() and token != "1":
        raise ValueError("rearrange only supports unnamed axes of size 1")
    if token not in ("...", "1") and not token.isidentifier():
        raise ValueError(f"Unknown character {token!r}" if len(token) == 1 else f"Invalid axis identifier: {token}")
    if token.startswith("_") or token.endswith("_"):
        raise ValueError(f"Invalid axis identifier: {token}\naxis name should should not start or end with underscore")


def _check(left, right, pattern, axes_lengths):
    for side in (left, right):
        names = [name for group in side for name in group]
        for name in names:
            if names.count(name) > 1:
                only_one = "Expression may contain dots only inside ellipsis (...); only one ellipsis for tensor "
                raise ValueError(
                    only_one if name == "..." else f"Indexing expression contains duplicate dimension {name!r}"
                )
    one, other = ({name for group in side for name in group} for side in (left, right))
    if "..." in other - one:
        raise ValueError(f"Ellipsis found in right side, but not left side of a pattern {pattern}")
    if any("..." in group and len(group) > 1 for group in left) or re.search(
        r"\(\s*\.\.\.\s*\)", pattern.split("->")[0]
    ):
        raise ValueError(f"Ellipsis is parenthesis in the left side is not allowed: {pattern}")
    if one - {"..."} != other - {"..."}:
        raise ValueError(
            f"Identifiers only on one side of rearrange expression (should be on both): {', '.join(sorted((one ^ other) - {'...'}))}"
        )
    if unknown := axes_lengths.keys() - one:
        raise ValueError(f"Identifiers not found in rearrange expression: {unknown}")


def _without_ellipsis(left, dims):
    """The left side with names for the dimensions that `...` stands for, and these names."""
    given = sum(group is not _ANY for group in left)
    some = _ANY in left
    if given > dims or (given != dims and not some):
        raise ValueError(
            f"Number of dimensions in pattern ({given}) must be {'at most' if some else 'equal to'} the number of dimensions in the "
            f"tensor ({dims})"
        )
    extra = [f"...{i}" for i in range(dims - given)]
    return _spread(left, extra), extra


def _spread(groups, extra):
    """Groups in which a lone `...` is a dimension for each of the names that it stands for."""
    return [part for group in groups for part in ([[name] for name in extra] if group is _ANY else [group])]


def _sizes(left, shape, axes_lengths):
    """{name: its size}."""
    sizes = dict(axes_lengths)
    for group, size in zip(left, shape, strict=True):
        unknown = [name for name in group if name not in sizes]
        known = math.prod(sizes[name] for name in group if name in sizes)
        if len(unknown) > 1:
            raise ValueError(
                f"cannot infer the sizes of two dimensions at once: {' and '.join(unknown)} in a dimension of size {size}"
            )
        if size % known if unknown and known else size != known:
            raise ValueError(f"the sizes of ({' '.join(group)}) do not fit a dimension of size {size}: {sizes}")
        for name in unknown:
            sizes[name] = size // known if known else 0
    return sizes
