"""The functions of torch.nn.functional that torch has under its own name too, with the core's signatures."""

import flambeau

from ..ops._host import one_by_one
from ..ops.norm import core_batch_norm, core_group_norm, core_instance_norm
from . import _recurrence
from . import functional as F
from ._embedding_bag import _places
from ._reduction import reduced

_REDUCTIONS = ("none", "mean", "sum")


def _reduction(value):
    """A reduction as its name; torch's core counts them 0, 1, 2, and takes 0 if none is given."""
    if isinstance(value, str):
        return value
    if value not in (0, 1, 2):
        raise RuntimeError(f"[reduction] expected 0 (none), 1 (mean) or 2 (sum), got {value}")
    return _REDUCTIONS[value]


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05, cudnn_enable=True):
    """nn.functional.layer_norm."""
    return F.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05, cudnn_enabled=True):
    """nn.functional.group_norm."""
    if input.dim() < 2:
        return F.group_norm(input, num_groups, weight, bias, eps)  # which says what is wrong
    return core_group_norm(input, num_groups, weight, bias, eps)


def batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled):
    """nn.functional.batch_norm, with its arguments in another order."""
    return core_batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled):
    """nn.functional.instance_norm, with its arguments in another order."""
    return core_instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    """nn.functional.embedding, the weight first; padding_idx -1 stands for none."""
    padding = None if padding_idx == -1 else padding_idx
    return F.embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


@one_by_one
def embedding_bag(
    weight,
    indices,
    offsets,
    scale_grad_by_freq=False,
    mode=0,
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """Sums (mode 0), means (1) or maxima (2) of bags of rows, with what a backward pass of the core wants to know.

    Args: as for nn.functional.embedding_bag; padding_idx counts from the end if negative, None for none.

    Returns:
        (bags, the bag of each index or nothing, how many rows each bag has (0 where sums do not need it), the rows of the maxima or
        the same again); the last three of the dtype of the indices.

    >>> table = flambeau.tensor([[1.0, 4.0], [3.0, 2.0]])
    >>> flambeau.embedding_bag(table, flambeau.tensor([0, 1]), flambeau.tensor([0]), mode=2)
    (tensor([[3., 4.]]), tensor([0, 0]), tensor([2]), tensor([[1, 0]]))
    """
    name = ("sum", "mean", "max")[mode]
    settings = {
        "per_sample_weights": per_sample_weights,
        "include_last_offset": include_last_offset,
        "padding_idx": padding_idx,
    }
    bags = F.embedding_bag(
        indices, weight, offsets, scale_grad_by_freq=scale_grad_by_freq, mode=name, sparse=sparse, **settings
    )
    places, inside = _places(offsets, indices.numel(), include_last_offset)
    if padding_idx is not None and indices.numel():
        inside = inside & (indices[places] != padding_idx % len(weight))
    return (bags, *_of_bags(weight, indices, offsets, places, inside, bags, mode, padding_idx))


def _of_bags(weight, indices, offsets, places, inside, bags, mode, padding_idx):
    """The bag of each index, the sizes of the bags, and the rows of the maxima."""
    kind = indices.dtype
    which = flambeau.searchsorted(offsets.long(), flambeau.arange(indices.numel()), right=True).to(kind) - 1
    plain = (
        mode == 0 and padding_idx is None and weight.dtype in (flambeau.float32, flambeau.float16, flambeau.bfloat16)
    )
    sizes = offsets.new_zeros(offsets.shape).to(kind) if mode == 0 else inside.sum(1).to(kind)
    if mode != 2:
        return which[:0] if plain else which, sizes, sizes.clone()
    rows = weight[indices[places]].masked_fill(~inside.unsqueeze(-1), float("-inf")) if indices.numel() else None
    best = places.new_zeros(bags.shape) if rows is None else indices[places].gather(1, rows.argmax(1))
    return which, sizes, best.masked_fill(~inside.any(1, keepdim=True), 0).to(kind)


def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction=0, zero_infinity=False):
    """nn.functional.ctc_loss."""
    return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, _reduction(reduction), zero_infinity)


def kl_div(input, target, reduction=0, *, log_target=False):
    """nn.functional.kl_div."""
    losses = F.kl_div(input, target, reduction="none", log_target=log_target)
    return reduced(losses, _reduction(reduction))


def cosine_embedding_loss(input1, input2, target, margin=0.0, reduction=0):
    """nn.functional.cosine_embedding_loss."""
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=_reduction(reduction))


def hinge_embedding_loss(input, target, margin=1.0, reduction=0):
    """nn.functional.hinge_embedding_loss."""
    return F.hinge_embedding_loss(input, target, margin, reduction=_reduction(reduction))


def margin_ranking_loss(input1, input2, target, margin=0.0, reduction=0):
    """nn.functional.margin_ranking_loss."""
    return F.margin_ranking_loss(input1, input2, target, margin, reduction=_reduction(reduction))


def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """nn.functional.poisson_nll_loss."""
    return F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=_reduction(reduction))


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-06, swap=False, reduction=0):
    """nn.functional.triplet_margin_loss."""
    return F.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=_reduction(reduction))


def binary_cross_entropy_with_logits(input, target, weight=None, pos_weight=None, reduction=0):
    """nn.functional.binary_cross_entropy_with_logits."""
    shapes = flambeau.broadcast_shapes(tuple(input.shape), tuple(target.shape))  # which the core allows
    return F.binary_cross_entropy_with_logits(
        input.expand(shapes), target.expand(shapes), weight, reduction=_reduction(reduction), pos_weight=pos_weight
    )


def native_dropout(input, p, train):
    """dropout and what it kept: (output, bool mask)."""
    if not train:
        return input.clone(), flambeau.ones_like(input, dtype=flambeau.bool)
    mask = flambeau.empty_like(input).bernoulli_(1 - p)
    return input * mask * (0.0 if p == 1 else 1 / (1 - p)), mask.to(flambeau.bool)


def norm_except_dim(v, pow=2, dim=0):
    """The norm over all dimensions but one (of everything for -1); what is reduced stays as size 1."""
    if dim == -1:
        return flambeau.norm(v, pow)
    if not 0 <= dim < v.dim():
        raise IndexError(f"[norm_except_dim] Dimension out of range: dim {dim} of a tensor of {v.dim()} dimensions")
    return flambeau.norm(v, pow, tuple(d for d in range(v.dim()) if d != dim), keepdim=True)


def frobenius_norm(input, dim, keepdim=False, *, out=None):
    """The root of the sum of squares over dimensions."""
    return flambeau.norm(input, 2, dim, keepdim, out=out)


def nuclear_norm(input, dim=None, keepdim=False, *, out=None):
    """The sum of the singular values."""
    return flambeau.norm(input, "nuc", dim, keepdim, out=out)


# ---- recurrent networks


def _cell(mode, input, states, w_ih, w_hh, b_ih, b_hh):
    gates = {"LSTM": 4, "GRU": 3}.get(mode, 1)
    for name, weight in (("weight_ih", w_ih), ("weight_hh", w_hh)):
        if weight.shape[0] != gates * states[0].shape[-1]:
            raise RuntimeError(
                f"[{mode.lower()}_cell] {name} first dim must be {gates} * hidden_size = {gates * states[0].shape[-1]}, "
                f"but got {weight.shape[0]}"
            )
    return _recurrence.run_cell(mode, input, states, (w_ih, w_hh, b_ih, b_hh))


def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an LSTM: (h, c) from hx = (h, c)."""
    return tuple(_cell("LSTM", input, tuple(hx), w_ih, w_hh, b_ih, b_hh))


def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a GRU."""
    return _cell("GRU", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a plain recurrent network with tanh."""
    return _cell("RNN_TANH", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a plain recurrent network with relu."""
    return _cell("RNN_RELU", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def _check_layer(mode, parts):
    """Whether the weights of a layer have rows for the same gates."""
    gates = {"LSTM": 4, "GRU": 3}.get(mode, 1)
    rows = parts[0].shape[0]
    if len(parts) < 2 or rows % gates or parts[1].shape[0] != rows:
        shapes = [tuple(p.shape) for p in parts]
        raise RuntimeError(f"[{mode.lower()}] expected weights of {gates} * hidden_size rows each, got {shapes}")


def _layers(mode, first, arguments, keywords):
    """A whole network: (input, hx, params, ..., batch_first), or packed (data, batch_sizes, hx, params, ...)."""
    packed = isinstance(arguments[0 if mode == "LSTM" else 1], flambeau.Tensor)
    sizes, rest = (tuple(arguments[0].tolist()), arguments[1:]) if packed else (None, arguments)
    names = ("hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")
    given = {**dict(zip(names, rest)), **keywords}
    step = 4 if given["has_biases"] else 2
    cells, params = given["num_layers"] * (2 if given["bidirectional"] else 1), list(given["params"])
    step += len(params) == cells * (step + 1)  # projections
    weights = []
    for start in range(0, len(params), step):
        parts = params[start : start + step]
        biases = parts[2:4] if given["has_biases"] else [None, None]
        projection = parts[-1] if step in (3, 5) else None
        _check_layer(mode, parts)
        weights += [parts[0], parts[1], *biases, projection]
    states = tuple(given["hx"]) if mode == "LSTM" else (given["hx"],)
    turned = not packed and given.get("batch_first", False)
    output, last = _recurrence.run_layers(
        mode,
        first.transpose(0, 1) if turned else first,
        sizes,
        states,
        weights,
        given["bidirectional"],
        given["dropout"] if given["train"] else 0.0,
    )
    return (output.transpose(0, 1) if turned else output, *last)


def lstm(input, *arguments, **keywords):
    """All layers of an LSTM: (output, h, c)."""
    return _layers("LSTM", input, arguments, keywords)


def gru(input, *arguments, **keywords):
    """All layers of a GRU: (output, h)."""
    return _layers("GRU", input, arguments, keywords)


def rnn_tanh(input, *arguments, **keywords):
    """All layers of a plain recurrent network with tanh: (output, h)."""
    return _layers("RNN_TANH", input, arguments, keywords)


def rnn_relu(input, *arguments, **keywords):
    """All layers of a plain recurrent network with relu: (output, h)."""
    return _layers("RNN_RELU", input, arguments, keywords)
