"""einsum: products of tensors and sums over the indices that the result does not name."""

import functools

from .._C import Tensor
from .matmul import matmul

__all__ = ["einsum"]
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def einsum(*args):
    """Products of tensors, summed over every index that the result does not name (Einstein's notation).

    Args:
        equation: letters for the dimensions of each operand, as in `"bij,bjk->bik"`. A letter repeated within an
            operand takes its diagonal; `...` stands for dimensions that broadcast. Without `->`, the result has the
            letters that appear once, in alphabetic order.
        operands: the tensors (or one list of them). Instead of an equation, each operand may be followed by a list of
            index numbers, and the list of the result may come last.

    Returns:
        Tensor: one dimension per letter of the result.

    Raises:
        RuntimeError: the equation is malformed, or sizes of the same letter disagree.

    >>> flambeau.einsum("ij,jk->ik", flambeau.ones(2, 3), flambeau.ones(3, 4)).shape
    torch.Size([2, 4])
    """
    if len(args) == 3 and args[0].__class__ is str and isinstance(args[1], Tensor) and isinstance(args[2], Tensor):
        plan = _plan(args[0], args[1].shape, args[2].shape)
        if plan is not None:
            return _follow(plan, args[1], args[2])
    operands, inputs, output = _parse(args)
    names, output = _name_dims(inputs, output, tuple(t.ndim for t in operands))
    _check_sizes(operands, names)
    terms = [_take_diagonals(t, labels) for t, labels in zip(operands, names, strict=True)]
    result, labels = terms[0]
    for position, (other, other_labels) in enumerate(terms[1:], 1):
        later = set(output).union(*(names_ for _, names_ in terms[position + 1 :]))
        result, labels = _contract(result, labels, other, other_labels, later)
    result, labels = _sum_out(result, labels, set(output))
    order = [labels.index(label) for label in output]
    return result.permute(order) if order and result is operands[0] else _permuted(result, order)


@functools.lru_cache(maxsize=256)
def _plan(equation, left, right):
    """The usual product of two tensors of these shapes, as (orders, shapes) of both and of the result.

    None where there is more to do: diagonals, sums of one tensor alone, sizes of one that stand for others.
    """
    inputs, output = _read(equation)
    if len(inputs) != 2:
        return None
    (a, b), output = _name_dims(inputs, output, (len(left), len(right)))
    sizes = {**dict(zip(a, left)), **dict(zip(b, right))}
    same = all(sizes[label] == n for label, n in (*zip(a, left), *zip(b, right)))
    alone = set(a).symmetric_difference(b)
    if not same or len(set(a)) < len(a) or len(set(b)) < len(b) or not alone <= set(output):
        return None
    batch = [label for label in a if label in b and label in output]
    summed = [label for label in a if label in b and label not in output]
    if not summed:
        return None
    rows, columns = [label for label in a if label not in b], [label for label in b if label not in a]
    stack, made = [sizes[label] for label in batch], batch + rows + columns
    m, k, n = (_count(sizes[label] for label in part) for part in (rows, summed, columns))
    orders = [
        [*map(a.index, batch + rows + summed)],
        [*map(b.index, batch + summed + columns)],
        [*map(made.index, output)],
    ]
    return orders, ([*stack, m, k], [*stack, k, n], [sizes[label] for label in made])


def _follow(plan, left, right):
    (of_left, of_right, of_result), (rows, columns, shape) = plan
    left, right = _shaped(_permuted(left, of_left), rows), _shaped(_permuted(right, of_right), columns)
    return _permuted(_shaped(matmul(left, right), shape), of_result)


def _permuted(tensor, order):
    return tensor if order == [*range(len(order))] else tensor.permute(order)


def _fail(message):
    raise RuntimeError(f"[einsum] {message}")


def _parse(args):
    """The operands, the label lists of each (with Ellipsis in them), and that of the result or None."""
    if not args or not isinstance(args[0], str):
        return _parse_lists(args)
    operands = args[1:]
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    inputs, output = _read(args[0])
    if not operands:
        _fail("must provide at least one operand")
    if len(inputs) != len(operands):
        _fail(f"the equation {args[0]!r} names {len(inputs)} operands, but {len(operands)} were given")
    return list(operands), inputs, output


@functools.lru_cache(maxsize=256)
def _read(equation):
    """The labels of each operand, and those of the result or None."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    return tuple(_labels_of(term) for term in left.split(",")), _labels_of(right) if arrow else None


def _labels_of(term):
    before, dots, after = term.partition("...")
    for letter in before + after:
        if letter not in _LETTERS:
            _fail(f"invalid subscript {letter!r}: subscripts must be in [a-zA-Z] or '...'")
    return (*before, *([...] if dots else []), *after)


def _parse_lists(args):
    if len(args) < 2:
        raise ValueError(
            "[einsum] expected an equation and at least one operand, or at least one operand and its subscripts list"
        )
    pairs = len(args) // 2
    inputs = tuple(_numbers_of(args[2 * i + 1]) for i in range(pairs))
    return [args[2 * i] for i in range(pairs)], inputs, _numbers_of(args[-1]) if len(args) % 2 else None


def _numbers_of(labels):
    for label in labels:
        if label is not ... and not 0 <= label < 52:
            raise ValueError(f"[einsum] subscripts in subscript list should be within the range [0, 52), got {label}")
    return tuple(label if label is ... else _LETTERS[label] for label in labels)


@functools.lru_cache(maxsize=256)
def _name_dims(inputs, output, ranks):
    """One label per dimension: those under an ellipsis are numbers, counted from the last."""
    names, dots = [], 0
    for position, (rank, labels) in enumerate(zip(ranks, inputs, strict=True)):
        hidden = rank - sum(label is not ... for label in labels)
        if (... in labels and hidden < 0) or (... not in labels and hidden != 0):
            _fail(f"{len(labels)} subscripts do not fit operand {position}, which has {rank} dimensions")
        dots = max(dots, hidden)
        names.append([n for label in labels for n in (range(-hidden, 0) if label is ... else [label])])
    if output is None:
        flat = [label for labels in names for label in labels if isinstance(label, str)]
        output = [..., *sorted(label for label in set(flat) if flat.count(label) == 1)]
    for label in output:
        if output.count(label) > 1:
            _fail(f"output subscript {label} appears more than once in the output")
        if label is not ... and not any(label in labels for labels in names):
            _fail(f"output subscript {label} does not appear in the equation for any input operand")
    return names, [n for label in output for n in (range(-dots, 0) if label is ... else [label])]


def _check_sizes(operands, names):
    sizes = {}
    for tensor, labels in zip(operands, names, strict=True):
        for label, size in zip(labels, tensor.shape, strict=True):
            known = sizes.get(label, 1)
            if size != 1 and known not in (1, size):
                _fail(f"operands do not broadcast: subscript {label} has size {size} here and {known} before")
            sizes[label] = max(known, size) if size and known else min(size, known)


def _take_diagonals(tensor, labels):
    if len(set(labels)) == len(labels):
        return tensor, labels
    labels = list(labels)
    for label in [l for l in dict.fromkeys(labels) if labels.count(l) > 1]:
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if tensor.shape[first] != tensor.shape[second]:
                _fail(
                    f"subscript {label} is repeated for sizes {tensor.shape[first]} and {tensor.shape[second]} that differ"
                )
            tensor = tensor.diagonal(0, first, second)
            labels = [l for i, l in enumerate(labels) if i not in (first, second)] + [label]
    return tensor, labels


def _sum_out(tensor, labels, kept):
    gone = [i for i, label in enumerate(labels) if label not in kept]
    return (tensor.sum(gone), [label for label in labels if label in kept]) if gone else (tensor, labels)


def _contract(a, a_labels, b, b_labels, kept):
    """The product of two operands, summed over what nobody needs later: one batched matrix product."""
    a, a_labels = _sum_out(a, a_labels, kept | set(b_labels))
    b, b_labels = _sum_out(b, b_labels, kept | set(a_labels))
    both = [label for label in a_labels if label in b_labels]
    summed = [label for label in both if label not in kept]
    for label in summed:  # size 1 stands for any size: sum the other side alone
        i, j = a_labels.index(label), b_labels.index(label)
        if a.shape[i] != b.shape[j]:
            a = a.sum(i, keepdim=True) if b.shape[j] == 1 else a
            b = b.sum(j, keepdim=True) if a.shape[i] == 1 else b
    batch = [label for label in both if label in kept]
    a_only = [label for label in a_labels if label not in both]
    b_only = [label for label in b_labels if label not in both]
    left = _arrange(a, a_labels, batch, a_only, summed)
    right = _arrange(b, b_labels, batch, summed, b_only)
    sizes = [a.shape[a_labels.index(l)] for l in a_only] + [b.shape[b_labels.index(l)] for l in b_only]
    product = matmul(left, right) if summed else left * right
    return _shaped(product, [*product.shape[: len(batch)], *sizes]), batch + a_only + b_only


def _arrange(tensor, labels, batch, rows, columns):
    """The operand as a stack of matrices."""
    sizes = dict(zip(labels, tensor.shape, strict=True))
    shape = [sizes[l] for l in batch] + [_count(sizes[l] for l in rows), _count(sizes[l] for l in columns)]
    return _shaped(_permuted(tensor, [labels.index(l) for l in batch + rows + columns]), shape)


def _shaped(tensor, shape):
    return tensor if tensor.shape == tuple(shape) else tensor.reshape(shape)


def _count(sizes):
    total = 1
    for size in sizes:
        total *= size
    return total
