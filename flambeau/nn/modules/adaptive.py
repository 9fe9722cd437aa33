"""A softmax for many classes of which few are frequent."""

from collections import namedtuple

import flambeau
from flambeau.nn import functional as F

from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """log softmax over classes sorted by frequency, in a head of frequent ones and clusters of rare ones (Grave 2016).

    Args:
        in_features: size of the inputs.
        n_classes: number of classes.
        cutoffs: where clusters begin, increasing.
        div_value: each cluster's inner size is that much smaller than the one before.
        head_bias: whether the head has a bias.

    Shape:
        input (N, in_features) or (in_features), target (N) or (); output (N) or () and the mean loss ().

    Example::

        >>> layer = flambeau.nn.AdaptiveLogSoftmaxWithLoss(16, 10, [2, 5])
        >>> result = layer(flambeau.ones(3, 16), flambeau.tensor([0, 3, 9]))
        >>> result.output.shape, layer.log_prob(flambeau.ones(3, 16)).shape
        (torch.Size([3]), torch.Size([3, 10]))
    """

    def __init__(self, in_features, n_classes, cutoffs, div_value=4.0, head_bias=False, device=None, dtype=None):
        super().__init__()
        cutoffs = list(cutoffs)
        _check_cutoffs(cutoffs, n_classes)
        where = {"device": device, "dtype": dtype}
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, **where)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            inner = int(in_features // div_value ** (i + 1))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            first = Linear(in_features, inner, bias=False, **where)
            self.tail.append(Sequential(first, Linear(inner, size, bias=False, **where)))

    def reset_parameters(self):
        """Draws all weights anew."""
        self.head.reset_parameters()
        for inner, outer in self.tail:
            inner.reset_parameters()
            outer.reset_parameters()

    def forward(self, input_, target_):
        """(log-probability of each target, mean loss)."""
        input, target = self._batched(input_, target_)
        if target.numel() and not (int(target.min()) >= 0 and int(target.max()) < self.n_classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        head = F.log_softmax(self.head(input), 1)
        in_head = target < self.shortlist_size
        output = head.gather(1, flambeau.where(in_head, target, flambeau.zeros_like(target)).unsqueeze(1)).squeeze(1)
        for i, cluster in enumerate(self.tail):
            low, high = self.cutoffs[i], self.cutoffs[i + 1]
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            inside = F.log_softmax(cluster(input.index_select(0, rows)), 1)
            local = inside.gather(1, (target[rows] - low).unsqueeze(1)).squeeze(1)
            output = output.index_copy(0, rows, local + head[rows, self.shortlist_size + i])
        loss = (-output).mean()
        return _ASMoutput(output.squeeze(0) if input_.dim() == 1 else output, loss)

    def _batched(self, input, target):
        if target.dim() == 1:
            if input.shape[0] != target.shape[0]:
                raise RuntimeError("Input and target should have the same size in the batch dimension.")
            if input.dim() != 2:
                raise RuntimeError(
                    f"1D target tensor expects 2D input tensors, but found inputs with size {input.shape}"
                )
            return input, target
        if target.dim() == 0:
            if input.dim() != 1:
                raise RuntimeError(
                    f"0D target tensor expects 1D input tensors, but found inputs with size {input.shape}"
                )
            return input.unsqueeze(0), target.unsqueeze(0)
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")

    def _get_full_log_prob(self, input, head_output):
        head = F.log_softmax(head_output, 1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            parts.append(F.log_softmax(cluster(input), 1) + head[:, self.shortlist_size + i].unsqueeze(1))
        return flambeau.cat(parts, 1)

    def log_prob(self, input):
        """The log-probabilities of all classes, (N, n_classes)."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input):
        """The likeliest class of each row; equal to `log_prob(input).argmax(1)`, computed with less."""
        head = self.head(input)
        result = head.argmax(1)
        outside = result >= self.shortlist_size
        if not bool(outside.any()):
            return result
        rows = outside.nonzero().squeeze(1)
        return result.index_copy(0, rows, self._get_full_log_prob(input[rows], head[rows]).argmax(1))


def _check_cutoffs(cutoffs, n_classes):
    if not cutoffs:
        raise ValueError("cutoffs should be a sequence of length larger than 0")
    unsorted = cutoffs != sorted(set(cutoffs))
    if unsorted or min(cutoffs) <= 0 or max(cutoffs) > n_classes - 1 or any(int(c) != c for c in cutoffs):
        raise ValueError(
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
            "value is between 1 and n_classes-1"
        )
