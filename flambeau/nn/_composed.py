"""Functions of `nn.functional` that are composed of ops and are no losses."""

import flambeau
from flambeau.ops._host import any_of, whole


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """input / max(|input|_p, eps), the norm being taken along a dimension.

    Args:
        input: any shape, real.
        p: the norm's exponent.
        dim: the dimension, or several.
        eps: the smallest denominator.
        out: a tensor to write the result to.

    Example::

        >>> flambeau.nn.functional.normalize(flambeau.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    length = input.norm(p, dim, keepdim=True).clamp_min(eps)
    return input / length if out is None else flambeau.div(input, length, out=out)


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along a dimension.

    Args:
        x1, x2: broadcastable, real.
        dim: the dimension of the vectors, in the broadcast shape.
        eps: the smallest length.

    Example::

        >>> x = flambeau.tensor([[1.0, 0.0]])
        >>> flambeau.nn.functional.cosine_similarity(x, flambeau.tensor([[1.0, 1.0]]))
        tensor([0.7071])
    """
    dtype = flambeau.promote_types(x1.dtype, x2.dtype)
    if not dtype.is_floating_point:
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {dtype}")
    x1, x2 = flambeau.broadcast_tensors(x1.to(dtype), x2.to(dtype))
    length1 = x1.norm(2, dim, keepdim=True).clamp_min(eps)
    length2 = x2.norm(2, dim, keepdim=True).clamp_min(eps)
    return ((x1 / length1) * (x2 / length2)).sum(dim)


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """|x1 - x2 + eps|_p over the last dimension.

    Args:
        x1, x2: broadcastable, real.
        p: the norm's exponent.
        eps: added to each difference.
        keepdim: keep the last dimension with size 1.

    Example::

        >>> flambeau.nn.functional.pairwise_distance(flambeau.ones(1, 4), flambeau.zeros(1, 4))
        tensor([2.0000])
    """
    last = max(x1.dim(), x2.dim()) - 1
    return (x1 - x2 + eps).norm(p, last, keepdim=keepdim)


def pdist(input, p=2):
    """The p-norm distances of all pairs of rows, those of the first row first.

    Args:
        input: (N, D), real.
        p: the norm's exponent, at least 0.

    Returns:
        (N (N - 1) / 2).

    Example::

        >>> flambeau.nn.functional.pdist(flambeau.tensor([[0.0], [1.0], [3.0]]))
        tensor([1., 3., 2.])
    """
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if not input.is_floating_point():
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    rows = input.shape[0]
    if input.shape[1] == 0:
        return input.new_zeros(rows * (rows - 1) // 2)
    first, second = flambeau.triu_indices(rows, rows, 1)
    return (input[first] - input[second]).norm(p, 1)


def one_hot(tensor, num_classes=-1):
    """Integers as vectors that are 1 at that place and 0 elsewhere.

    Args:
        tensor: int64, any shape (*).
        num_classes: C; the largest value plus one if left out.

    Returns:
        int64, (*, C).

    Example::

        >>> flambeau.nn.functional.one_hot(flambeau.tensor([0, 2]), 3)
        tensor([[1, 0, 0],
                [0, 0, 1]])
    """
    if tensor.dtype != flambeau.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return tensor.new_empty((*tensor.shape, num_classes))
    if any_of(tensor < 0):
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(whole(tensor).max()) + 1
    elif num_classes <= 0:
        raise RuntimeError("num_classes should be positive")
    elif any_of(tensor >= num_classes):
        raise RuntimeError("Class values must be smaller than num_classes.")
    result = tensor.new_zeros((*tensor.shape, num_classes))
    return result.scatter_(-1, tensor.unsqueeze(-1), 1)
