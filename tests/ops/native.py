"""What torch's core has under its own name, with the core's signatures: reductions as numbers, arguments in another order."""

import numpy as np
from scipy import special

from tests.frame import Row, Sample, T, index, tensor, to_numpy
from tests.ops import losses, norm

BOTH = ("float32", "float64")
REDUCTIONS = ("none", "mean", "sum")
TARGETS = T((3,), values=[1, -1, 1], grad=False)


def core(name, ref, samples, **fields):
    defaults = {"dtypes": BOTH, "method": False, "tol": {"float32": (2e-5, 2e-5)}}
    return Row(name, ref, samples, **{**defaults, **fields})


STARTS = T((4,), values=[0, 2, 2, 6], dtype="int64")


def bags(weight, indices, starts, by_frequency, mode, sparse, factors, last, padding):
    """Of each bag the reduction, its size and where its maxima are; of each index its bag."""
    ends = list(starts[1:]) if last else [*starts[1:], len(indices)]
    rows = [[i for i in indices[a:b] if i != padding] for a, b in zip(starts, ends)]
    reduce = (np.sum, np.mean, np.max)[mode]
    values = np.array([reduce(weight[r], 0) if r else np.zeros(weight.shape[1]) for r in rows])
    which = np.searchsorted(starts, np.arange(len(indices)), side="right") - 1
    sizes = np.array([len(r) for r in rows]) if mode else np.zeros(len(starts), int)
    best = np.array([np.array(r)[weight[r].argmax(0)] if r else np.zeros(weight.shape[1], int) for r in rows])
    return values, which, sizes, best if mode == 2 else sizes


def numbered(formula, last=False):
    """A reference whose last argument is the number of a reduction (none by default)."""

    def ref(*args, reduction=0, **kwargs):
        args, reduction = (args[:-1], args[-1]) if last else (args, reduction)
        return losses.reduced(formula(*args, **kwargs), REDUCTIONS[reduction])

    return ref


def every(*args, **kwargs):
    return [Sample(*args, **kwargs)] + [Sample(*args, **kwargs, reduction=r) for r in (0, 1, 2)]


def batch_norm(x, weight, bias, mean, var, training, momentum, eps, cudnn):
    return norm.batch_norm(x, mean, var, weight, bias, training, momentum, eps)


def instance_norm(x, weight, bias, mean, var, use_input_stats, momentum, eps, cudnn):
    return norm.by_channel(norm.instance_norm(x), weight, bias)


def cosine_loss(a, b, y, margin=0.0):
    return losses.cosine_embedding(a, b, y, margin, "none")


def triplet(a, p, n, margin=1.0, power=2, eps=1e-6):
    near, far = (np.linalg.norm(a - other + eps, power, axis=-1) for other in (p, n))
    return np.maximum(margin + near - far, 0)


def ctc(logs, targets, lengths, sizes, blank=0, reduction=0):
    """The sum over all paths that read as the targets, one by one."""
    import itertools

    found = []
    for n in range(logs.shape[1]):
        wanted = list(targets[n][: sizes[n]])
        paths = itertools.product(range(logs.shape[2]), repeat=int(lengths[n]))
        read = [p for p in paths if [k for k, _ in itertools.groupby(p) if k != blank] == wanted]
        found.append(-special.logsumexp([sum(logs[t, n, k] for t, k in enumerate(p)) for p in read]))
    found = np.array(found)
    return np.mean(found / np.maximum(sizes, 1)) if reduction == 1 else losses.reduced(found, REDUCTIONS[reduction])


def normalized(call, logs, *args, **kwargs):
    """torch's gradient is that in the scores before log_softmax: so is what is checked here."""
    return call(logs.log_softmax(-1), *args, **kwargs)


def norm_except(v, power=2, dim=0):
    axes = None if dim == -1 else tuple(d for d in range(v.ndim) if d != dim % v.ndim)
    return (np.abs(v) ** power).sum(axes, keepdims=dim != -1) ** (1 / power)


def gates(x, h, w_ih, w_hh, b_ih, b_hh):
    return x @ w_ih.T + (0 if b_ih is None else b_ih), h @ w_hh.T + (0 if b_hh is None else b_hh)


def plain_cell(function):
    return lambda x, h, w, u, b=None, c=None: function(sum(gates(x, h, w, u, b, c)))


def gru_cell(x, h, w, u, b=None, c=None):
    one, two = gates(x, h, w, u, b, c)
    (r, z, n), (r2, z2, n2) = np.split(one, 3, -1), np.split(two, 3, -1)
    z = special.expit(z + z2)
    return (1 - z) * np.tanh(n + special.expit(r + r2) * n2) + z * h


def lstm_cell(x, states, w, u, b=None, c=None):
    i, f, g, o = np.split(sum(gates(x, states[0], w, u, b, c)), 4, -1)
    cell = special.expit(f) * states[1] + special.expit(i) * np.tanh(g)
    return special.expit(o) * np.tanh(cell), cell


def layer(cell):
    """A network of one layer in one direction, (time, batch, features) or batch first."""

    def ref(x, hx, params, biases, layers, dropout, train, bidirectional, batch_first):
        steps = np.swapaxes(x, 0, 1) if batch_first else x
        state = [h[0] for h in hx] if isinstance(hx, list) else hx[0]
        out = []
        for step in steps:
            state = cell(step, state, *params)
            state = list(state) if isinstance(state, tuple) else state
            out.append(state[0] if isinstance(state, list) else state)
        out = np.stack(out, 1 if batch_first else 0)
        return [out, *(s[None] for s in (state if isinstance(state, list) else [state]))]

    return ref


def cells(count, pair=False):
    """Samples of a cell with `count` gates: batches of 2, with and without biases, and without rows."""
    made = []
    for batch in (2, 0):
        state = tensor(batch, 3)
        weights = [tensor(3 * count, 4, low=-0.5, high=0.5), tensor(3 * count, 3, low=-0.5, high=0.5)]
        made.append(Sample(tensor(batch, 4), [state, state] if pair else state, *weights))
        made.append(
            Sample(tensor(batch, 4), [state, state] if pair else state, *weights, tensor(3 * count), tensor(3 * count))
        )
    return made


def layers(count, pair=False):
    state, made = tensor(1, 2, 3), []
    for biases in (True, False):
        params = [tensor(3 * count, 4, low=-0.5, high=0.5), tensor(3 * count, 3, low=-0.5, high=0.5)]
        params += [tensor(3 * count), tensor(3 * count)] if biases else []
        for first in (True, False):
            made.append(
                Sample(tensor(2, 2, 4), [state, state] if pair else state, params, biases, 1, 0.0, False, False, first)
            )
    return made


def check_dropout(result, x, p, train):
    out, mask = result
    kept, scale = to_numpy(mask), 1 / (1 - p) if train and p < 1 else 1.0
    assert (kept.dtype == bool or not kept.size) and kept.shape == tuple(x.shape) and (train or kept.all())
    np.testing.assert_allclose(to_numpy(out), np.where(kept, to_numpy(x) * scale, 0), 1e-6)
    assert not train or kept.size < 100 or abs(kept.mean() - (1 - p)) < 0.1


STATS = tensor(4, grad=False), tensor(4, low=0.5, high=2, grad=False)
LOGS = T((4, 2, 3), -3, 0)
TEXT = (
    T((2, 2), dtype="int64", values=[[1, 2], [2, 2]]),
    T((2,), dtype="int64", values=[4, 4]),
    T((2,), dtype="int64", values=[2, 1]),
)

ROWS = [
    core("layer_norm", norm.layer_norm, [Sample(tensor(3, 4), (4,)), Sample(tensor(2, 4), (4,), tensor(4), tensor(4)), Sample(tensor(0, 4), (4,))]),
    core("group_norm", norm.group_norm, [Sample(tensor(2, 6, 5), 3), Sample(tensor(2, 6), 2, tensor(6), tensor(6))]),
    core("batch_norm", batch_norm, [
        Sample(tensor(3, 4), tensor(4), tensor(4), None, None, True, 0.1, 1e-5, False),
        Sample(tensor(3, 4, 2), None, None, *STATS, False, 0.1, 1e-5, False),
    ]),
    core("instance_norm", instance_norm, [Sample(tensor(2, 3, 5), tensor(3), tensor(3), None, None, True, 0.1, 1e-5, False)]),
    core("embedding", lambda w, i, padding=-1: w[i], [
        Sample(tensor(4, 3), index(2, 5, high=4)), Sample(tensor(4, 3), index(high=4)), Sample(tensor(4, 3), index(0, high=4)),
    ]),
    core("embedding_bag", bags, [
        Sample(tensor(4, 3, distinct=True), T((6,), values=[0, 1, 1, 3, 2, 0], dtype="int64"), STARTS, False, mode, False, None, last, pad)
        for mode, last, pad in ((0, False, 2), (0, True, 1), (1, False, 1), (1, True, None), (2, False, 1), (2, True, None))
    ], result=("first", "int64", "int64", "int64")),
    core("kl_div", numbered(losses.kl_div), every(tensor(3, 4), tensor(3, 4, low=0.1)) + every(tensor(5), tensor(5), log_target=True)),
    core("cosine_embedding_loss", numbered(cosine_loss), every(tensor(3, 4), tensor(3, 4), TARGETS) + [Sample(tensor(3, 4), tensor(3, 4), TARGETS, 0.2)]),
    core("hinge_embedding_loss", numbered(lambda x, y, margin=1.0: np.where(y == 1, x, np.maximum(0, margin - x))), every(tensor(3), TARGETS)),
    core("margin_ranking_loss", numbered(lambda a, b, y, margin=0.0: np.maximum(0, -y * (a - b) + margin)), every(tensor(3), tensor(3), TARGETS)),
    core("poisson_nll_loss", numbered(losses.poisson, last=True), [
        Sample(tensor(3, 4), tensor(3, 4, low=0, grad=False), log_input, full, 1e-8, r)
        for log_input, full, r in ((True, False, 0), (True, True, 1))
    ] + [Sample(tensor(3, low=0.5), tensor(3, low=0, grad=False), False, False, 1e-8, 2)]),
    core("triplet_margin_loss", numbered(triplet), every(tensor(3, 4), tensor(3, 4), tensor(3, 4)) + every(tensor(4), tensor(4), tensor(4), margin=3.0)),
    core("binary_cross_entropy_with_logits", numbered(losses.bce_with_logits), every(tensor(3, 4), tensor(3, 4, low=0, high=1)) + [Sample(tensor(), tensor(low=0, high=1))]),
    core("ctc_loss", ctc, [Sample(LOGS, *TEXT), Sample(LOGS, *TEXT, reduction=1), Sample(LOGS, *TEXT, reduction=2)], gradgrad=False, through=normalized),
    core("native_dropout", None, [Sample(tensor(40, 30), 0.25, True), Sample(tensor(3), 0.5, False), Sample(tensor(0), 0.5, True), Sample(tensor(), 0.0, True)],
        check=check_dropout, random=True, contiguous_only=True),
    core("norm_except_dim", norm_except, [Sample(tensor(3, 4)), Sample(tensor(3, 4, 2), 2, 1), Sample(tensor(3, 4), 1, -1)]),
    core("rnn_tanh_cell", plain_cell(np.tanh), cells(1)),
    core("rnn_relu_cell", plain_cell(lambda x: np.maximum(x, 0)), cells(1)),
    core("gru_cell", gru_cell, cells(3)),
    core("lstm_cell", lstm_cell, cells(4, pair=True)),
    core("rnn_tanh", layer(plain_cell(np.tanh)), layers(1)),
    core("rnn_relu", layer(plain_cell(lambda x: np.maximum(x, 0))), layers(1)),
    core("gru", layer(gru_cell), layers(3)),
    core("lstm", layer(lstm_cell), layers(4, pair=True), covers=("recurrent",)),
]  # fmt: skip
