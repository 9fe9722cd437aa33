"""A loss for classes of which one is much more frequent (arXiv 1708.02002)."""

from flambeau.nn import functional as F

__all__ = ["sigmoid_focal_loss"]


def reduced(loss, reduction):
    """The mean or the sum, or the loss as it is."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', 'mean', 'sum'"
        )
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()


def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2, reduction="none"):
    r"""Cross entropy in which what is already right counts little: $-\alpha_t (1 - p_t)^\gamma \log p_t$.

    Args:
        inputs: logits.
        targets: 0 or 1, of the same shape.
        alpha: weight of the ones (1 - alpha: of the zeros); negative for no weights.
        gamma: the exponent.
        reduction: "none", "mean" or "sum".

    >>> flambeau.vision.ops.sigmoid_focal_loss(flambeau.zeros(2), flambeau.tensor([0.0, 1.0]))
    tensor([0.1300, 0.0433])
    """
    if not 0 <= alpha <= 1 and alpha != -1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore.")
    p = inputs.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    right = p * targets + (1 - p) * (1 - targets)
    loss = entropy * (1 - right) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    if reduction == "mean":
        return loss.mean()
    return reduced(loss, reduction)
