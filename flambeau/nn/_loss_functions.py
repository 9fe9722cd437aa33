"""Losses whose derivative is not that of the composed formula."""

import flambeau
from flambeau import _C
from flambeau.autograd import Function
from flambeau.ops._host import whole


class BinaryCrossEntropy(Function):
    """Elementwise binary cross entropy: finite, with a finite derivative, for probabilities of exactly 0 and 1."""

    @staticmethod
    def forward(ctx, input, target):
        ctx.save_for_backward(input, target)
        return binary_losses(input, target)

    @staticmethod
    def backward(ctx, grad):
        input, target = ctx.saved_tensors
        grad_target = None
        if ctx.needs_input_grad[1]:
            grad_target = grad * ((-input).log1p().clamp(min=-100) - input.log().clamp(min=-100))
        return grad * (input - target) / ((1 - input) * input).clamp(min=1e-12), grad_target


def binary_losses(input, target):
    """Binary cross entropy of the elements, with logarithms not below -100."""
    for name, values in (("input", input), ("target", target)):
        if not _is_share(whole(values)):
            raise RuntimeError(f"all elements of {name} should be between 0 and 1")
    log_input, log_rest = _C.log(input), _C.log1p(-input)
    least, most = -100.0, float("inf")
    return (target - 1) * _C.clamp_range(log_rest, least, most) - target * _C.clamp_range(log_input, least, most)


def _is_share(values):
    """Whether all values are from 0 to 1: their least and their largest are, which are NaN where one is."""
    if values.is_meta or not values.numel():
        return True
    return _C.amin(values).item() >= 0 and _C.amax(values).item() <= 1


class CTC(Function):
    """Connectionist temporal classification: one loss for each sample.

    The derivative is exp(log_probs) minus the posterior of each class, which presumes log_probs that come from a
    log_softmax; it is torch's.
    """

    @staticmethod
    def forward(ctx, log_probs, targets, input_lengths, target_lengths, blank, zero_infinity):
        with flambeau.enable_grad():
            leaf = log_probs.detach().requires_grad_(ctx.needs_input_grad[0])
            losses = ctc_losses(leaf, targets, input_lengths, target_lengths, blank)
        ctx.graph = (leaf, losses, input_lengths, zero_infinity) if ctx.needs_input_grad[0] else None
        losses = losses.detach()
        return losses.masked_fill(losses == float("inf"), 0) if zero_infinity else losses

    @staticmethod
    def backward(ctx, grad):
        leaf, losses, input_lengths, zero_infinity = ctx.graph
        finite = losses.detach() != float("inf")
        one = finite.to(losses.dtype)
        derivative = flambeau.zeros_like(leaf)
        if losses.requires_grad:
            (derivative,) = flambeau.autograd.grad(losses, leaf, one)
        steps = flambeau.arange(leaf.shape[0], device=leaf.device).view(-1, 1)
        inside = (steps < input_lengths.view(1, -1)).unsqueeze(2)
        zero = flambeau.zeros_like(derivative)
        result = flambeau.where(inside, leaf.detach().exp() + derivative, zero)
        hopeless = inside & ~finite.view(1, -1, 1)
        result = (result * grad.view(1, -1, 1)).masked_fill(hopeless, 0.0 if zero_infinity else float("nan"))
        return result, None, None, None, None, None


def ctc_losses(log_probs, targets, input_lengths, target_lengths, blank):
    """-log P(target) for each sample, by the forward recursion over time (Graves et al., 2006).

    log_probs (T, N, C); targets (N, S) padded with anything. A path visits blank, l1, blank, l2 ... blank: 2 S + 1
    states, from each of which it may stay, go to the next, or skip a blank between two different labels.
    """
    steps, batch, _ = log_probs.shape
    states = 2 * targets.shape[1] + 1
    labels = flambeau.full((batch, states), blank, dtype=flambeau.long)
    labels[:, 1::2] = targets
    may_skip = flambeau.zeros((batch, states), dtype=flambeau.bool)
    may_skip[:, 3::2] = labels[:, 3::2] != labels[:, 1:-2:2]
    scores = log_probs.gather(2, labels.unsqueeze(0).expand(steps, batch, states))
    never = float("-inf")
    start = (flambeau.arange(states) < 2).expand(batch, states)
    low = flambeau.full((batch, states), never, dtype=log_probs.dtype)
    alpha = flambeau.where(start, scores[0], low) if steps else low
    pad = flambeau.nn.functional.pad
    for t in range(1, steps):
        one = pad(alpha, (1, 0), value=never)[:, :states]
        two = flambeau.where(may_skip, pad(alpha, (2, 0), value=never)[:, :states], low)
        new = _logsumexp3(alpha, one, two) + scores[t]
        alpha = flambeau.where((t < input_lengths).view(-1, 1), new, alpha)
    last = 2 * target_lengths.view(-1, 1)
    ends = flambeau.cat([last, (last - 1).clamp(min=0)], 1)
    final = alpha.gather(1, ends)
    no_label = flambeau.cat([flambeau.zeros_like(last), (last == 0).long()], 1).bool()
    final = flambeau.where(no_label, flambeau.full_like(final, never), final)
    total = -_logsumexp3(final[:, 0], final[:, 1], flambeau.full_like(final[:, 0], never))
    if steps == 0:
        return flambeau.where(target_lengths == 0, flambeau.zeros_like(total), flambeau.full_like(total, float("inf")))
    empty = (input_lengths == 0) & (target_lengths == 0)
    impossible = (input_lengths == 0) & (target_lengths > 0)
    total = flambeau.where(empty, flambeau.zeros_like(total), total)
    return flambeau.where(impossible, flambeau.full_like(total, float("inf")), total)


def _logsumexp3(a, b, c):
    """log(exp a + exp b + exp c), with zero derivatives where all are minus infinity."""
    top = flambeau.maximum(flambeau.maximum(a, b), c).detach()
    safe = flambeau.where(top == float("-inf"), flambeau.zeros_like(top), top)
    total = (a - safe).exp() + (b - safe).exp() + (c - safe).exp()
    reachable = total > 0
    logs = flambeau.where(reachable, total, flambeau.ones_like(total)).log() + safe
    return flambeau.where(reachable, logs, flambeau.full_like(logs, float("-inf")))
