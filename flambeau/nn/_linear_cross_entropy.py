"""The cross entropy of a linear map of the input."""

from dataclasses import dataclass

import flambeau

from ._classification import cross_entropy


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How torch would split `linear_cross_entropy` into chunks; accepted and checked, the result is the same.

    Args:
        allow_retain_graph, batch_chunk_size, chunking_method, acc_policy, acc_dtype: as in torch.

    Example::

        >>> flambeau.nn.LinearCrossEntropyOptions(batch_chunk_size=8).batch_chunk_size
        8
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: object = None

    def __post_init__(self):
        if self.acc_policy not in ("accurate", "balanced", "compact", "auto"):
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.batch_chunk_size is not None and self.batch_chunk_size <= 0:
            raise ValueError(f"batch_chunk_size must be positive int or None, got {self.batch_chunk_size}")
        method = self.chunking_method
        if method is not None and method != "auto" and not method.startswith("aspect_ratio"):
            raise ValueError(f"invalid chunking_method: {method!r}")


def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction="mean",
    ignore_index=None,
    label_smoothing=0.0,
    options=None,
):
    """`cross_entropy(linear(input, linear_weight, linear_bias), target)`.

    Args:
        input: (N, in_features) or (in_features).
        linear_weight: (C, in_features), or (C, d1, ..., in_features).
        target: classes (N), () or (N, d1, ...), or probabilities (N, C, d1, ...).
        linear_bias: (C) or (C, d1, ...).
        weight, reduction, label_smoothing: as for `cross_entropy`.
        ignore_index: a target that does not count; -100 if left out.
        options: accepted.

    Example::

        >>> F = flambeau.nn.functional
        >>> F.linear_cross_entropy(flambeau.zeros(2, 3), flambeau.ones(4, 3), flambeau.tensor([0, 3]))
        tensor(1.3863)
    """
    _check(input, linear_weight, target, linear_bias, ignore_index)
    rows = linear_weight.flatten(0, -2)
    bias = None if linear_bias is None else linear_bias.flatten()
    scores = flambeau.nn.functional.linear(input, rows, bias)
    if linear_weight.dim() > 2:
        scores = scores.unflatten(1, linear_weight.shape[:-1])
    return cross_entropy(
        scores,
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def _check(input, linear_weight, target, linear_bias, ignore_index):
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if linear_weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}")
    inner, wanted = input.shape[-1], linear_weight.shape[-1]
    if inner != wanted:
        raise RuntimeError(
            f"expected equal input and linear_weight last dimensions (in_features), got {inner} and {wanted}, "
            "respectively"
        )
    if linear_weight.dim() > 2 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
            f"(N, {inner}), got unbatched input with shape {tuple(input.shape)}"
        )
    if linear_bias is not None and linear_bias.shape != linear_weight.shape[:-1]:
        raise RuntimeError(
            f"expected linear_bias shape {tuple(linear_weight.shape[:-1])}, got {tuple(linear_bias.shape)}"
        )
    if ignore_index is not None and target.is_floating_point():
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
