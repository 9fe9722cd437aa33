"""Recurrent layers: the core's kernels against their composition in Python and against torch; packing; what is refused."""

import itertools

import pytest

from flambeau.nn import _recurrence as recurrence
from tests.frame import fl, to_numpy

nn = fl.nn

LENGTHS = (6, 4, 4, 2, 1)
SIZES = (5, 4, 3, 3, 1, 1)  # how many of LENGTHS go on at each time


def layer_cases():
    for mode, directions, packed, bias, given in itertools.product(recurrence.MODES, (1, 2), *[(False, True)] * 3):
        for projected in (False, True) if mode == "LSTM" else (False,):
            yield mode, directions, packed, bias, given, projected


def tensors(mode, directions, packed, bias, given, projected, hidden=19):
    """What `_C.recurrent` takes: input, h0, c0 and weights, with gradients."""
    gates, outputs = {"LSTM": 4, "GRU": 3}.get(mode, 1) * hidden, 7 if projected else hidden
    make = lambda *shape: (fl.randn(*shape, dtype=fl.float64) * 0.5).requires_grad_()
    x = make(sum(SIZES), 3) if packed else make(6, 5, 3)
    h0 = make(directions, 5, outputs) if given else None
    c0 = make(directions, 5, hidden) if given and mode == "LSTM" else None
    weights = []
    for _ in range(directions):
        biases = [make(gates), make(gates)] if bias else [None, None]
        weights += [make(gates, 3), make(gates, outputs), *biases, make(outputs, hidden) if projected else None]
    return [x, h0, c0, *weights]


def outcome(layer, mode, given, packed, weights_of):
    outputs = layer(recurrence.MODES.index(mode), *given[:3], given[3:], SIZES if packed else ())
    leaves = [t for t in given if t is not None]
    return [*outputs, *fl.autograd.grad(sum((w * y).sum() for w, y in zip(weights_of, outputs)), leaves)]


@pytest.mark.parametrize("case", list(layer_cases()), ids=str)
def test_kernel_is_the_composition(case):
    fl.manual_seed(0)
    mode, _, packed, *_ = case
    given = tensors(*case)
    shapes = [
        y.shape
        for y in recurrence.composed_layer(recurrence.MODES.index(mode), *given[:3], given[3:], SIZES if packed else ())
    ]
    factors = [fl.randn(*shape, dtype=fl.float64) for shape in shapes]
    kernel = outcome(fl._C.recurrent, mode, given, packed, factors)
    composed = outcome(recurrence.composed_layer, mode, given, packed, factors)
    for a, b in zip(kernel, composed, strict=True):
        assert a.shape == b.shape and fl.allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("mode", recurrence.MODES)
@pytest.mark.parametrize("shape", [(1, 40, 5), (3, 33, 64), (70, 5, 32), (40, 300, 3)])  # batch, hidden, steps
def test_same_bits_with_threads(mode, shape):
    batch, hidden, steps = shape
    layer = nn.RNNBase(mode, 8, hidden, bidirectional=batch == 3)
    x = fl.randn(steps, batch, 8)
    before, found = fl.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            fl.set_num_threads(threads)
            layer.zero_grad()
            output, _ = layer(x)
            output.square().sum().backward()
            found.append([output, *(p.grad for p in layer.parameters())])
    finally:
        fl.set_num_threads(before)
    for other in found[1:]:
        assert all(fl.equal(a, b) for a, b in zip(found[0], other))


@pytest.mark.parametrize("mode", recurrence.MODES)
def test_second_derivatives(mode):
    fl.manual_seed(1)
    for packed, directions in ((False, 1), (True, 2)):
        given = tensors(mode, directions, packed, True, True, mode == "LSTM", hidden=8 if mode == "LSTM" else 3)
        leaves = [t for t in given if t is not None]
        second = []
        for layer in (fl._C.recurrent, recurrence.composed_layer):
            outputs = layer(recurrence.MODES.index(mode), *given[:3], given[3:], SIZES if packed else ())
            first = fl.autograd.grad(sum(y.square().sum() for y in outputs), leaves, create_graph=True)
            second.append(fl.autograd.grad(sum(g.square().sum() for g in first), leaves))
        for a, b in zip(*second, strict=True):
            assert fl.allclose(a, b, rtol=1e-9, atol=1e-10)


def test_gradients_do_not_run_through_other_arguments():
    """h_0 made from the input: the gradient with a graph is that of each argument apart."""
    layer = nn.GRU(3, 3).double()
    x = fl.randn(4, 2, 3, dtype=fl.float64, requires_grad=True)
    loss = lambda: layer(x, x[:1].tanh())[0].square().sum()
    plain, graph = fl.autograd.grad(loss(), x)[0], fl.autograd.grad(loss(), x, create_graph=True)[0]
    assert fl.allclose(plain, graph, rtol=1e-12)


def test_forward_derivatives_and_vmap():
    layer = nn.LSTM(3, 4, bidirectional=True).double()
    x, t = fl.randn(5, 2, 3, dtype=fl.float64), fl.randn(5, 2, 3, dtype=fl.float64)
    _, tangent = fl.func.jvp(lambda x: layer(x)[0], (x,), (t,))
    eps = 1e-6
    assert fl.allclose(tangent, (layer(x + eps * t)[0] - layer(x - eps * t)[0]) / (2 * eps), atol=1e-7)
    many = fl.randn(3, 5, 2, 3, dtype=fl.float64)
    found, (h, c) = fl.func.vmap(lambda x: layer(x))(many)
    for i in range(3):
        output, last = layer(many[i])
        assert fl.allclose(found[i], output) and fl.allclose(h[i], last[0]) and fl.allclose(c[i], last[1])
    weights = {name: fl.stack([p.detach(), p.detach() * 2]) for name, p in layer.named_parameters()}
    found = fl.func.vmap(lambda w: fl.func.functional_call(layer, w, (x,))[0])(weights)
    for i in range(2):
        one = fl.func.functional_call(layer, {name: w[i] for name, w in weights.items()}, (x,))[0]
        assert fl.allclose(found[i], one)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_cells_step_like_layers(kind):
    layer, cell = getattr(nn, kind)(3, 4).double(), getattr(nn, kind + "Cell")(3, 4).double()
    cell.load_state_dict({name[:-3]: value for name, value in layer.state_dict().items()})
    x, state = fl.randn(5, 2, 3, dtype=fl.float64), None
    for step, expected in zip(x, layer(x)[0]):
        state = cell(step, state)
        assert fl.allclose(state[0] if kind == "LSTM" else state, expected)
    single = cell(x[0, 0])
    assert (single[0] if kind == "LSTM" else single).shape == (4,)


def test_extremes():
    lstm = nn.LSTM(2, 3)
    big, _ = lstm(fl.full((3, 1, 2), 1e30))
    assert bool(big.abs().le(1).all())
    assert bool(nn.GRU(2, 3)(fl.full((3, 1, 2), float("nan")))[0].isnan().all())
    output, (h, c) = nn.LSTM(2, 3)(fl.ones(4, 0, 2))
    assert output.shape == (4, 0, 3) and h.shape == c.shape == (1, 0, 3)
    lstm.zero_grad()
    output, _ = lstm(fl.ones(4, 0, 2))
    output.sum().backward()
    assert all(p.grad.eq(0).all() for p in lstm.parameters())


def test_gradients_share_no_memory():
    layer = nn.LSTM(2, 3)
    layer(fl.ones(4, 2, 2))[0].sum().backward()
    assert layer.bias_ih_l0.grad.data_ptr() != layer.bias_hh_l0.grad.data_ptr()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"batch_sizes": (2, 3)}, ValueError, "not grow"),
        ({"batch_sizes": (3, 1)}, ValueError, "add up"),
        ({"batch_sizes": (4, 0, 1)}, ValueError, "positive"),
        ({"batch_sizes": (-1,)}, ValueError, "positive"),
        ({"weights": [None] * 4}, ValueError, "5 weights"),
        ({"h0": fl.ones(1, 3, 4)}, RuntimeError, r"h_0 of shape \(1, 4, 4\)|h_0 of shape"),
        ({"h0": fl.ones(1, 4, 4, dtype=fl.float64)}, RuntimeError, "dtype"),
        ({"input": fl.ones(5, 2)}, RuntimeError, "weight_ih"),
        ({"input": fl.ones(5)}, RuntimeError, "2 dimensions"),
        ({"input": fl.ones(0, 1, 3), "batch_sizes": ()}, RuntimeError, "larger than 0"),
    ],
)
def test_refused(arguments, error, text):
    weights = [fl.ones(4, 3), fl.ones(4, 4), None, None, None]
    given = {"cell": 0, "input": fl.ones(5, 3), "h0": None, "c0": None, "weights": weights, "batch_sizes": (4, 1)}
    with pytest.raises(error, match=text):
        fl._C.recurrent(**{**given, **arguments})


# ------------------------------------------------------------------------------------------------ against torch


def pairs():
    for mode in ("RNN", "LSTM", "GRU"):
        for i, flags in enumerate(itertools.product((False, True), repeat=4)):
            bias, batch_first, bidirectional, packed = flags
            yield (
                mode,
                {"num_layers": 1 + i % 2, "bias": bias, "batch_first": batch_first, "bidirectional": bidirectional},
                packed,
            )
    yield "LSTM", {"num_layers": 2, "proj_size": 2, "bidirectional": True}, True
    yield "LSTM", {"proj_size": 2}, False
    yield "RNN", {"nonlinearity": "relu", "num_layers": 2}, True


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize(("kind", "options", "packed"), list(pairs()), ids=str)
def test_like_torch(kind, options, packed):
    torch = pytest.importorskip("torch")
    theirs, ours = getattr(torch.nn, kind)(3, 5, **options), getattr(nn, kind)(3, 5, **options)
    ours.load_state_dict({name: fl.tensor(value.numpy()) for name, value in theirs.state_dict().items()})
    first = options.get("batch_first", False)
    values = torch.randn(*((4, 6, 3) if first else (6, 4, 3)))
    results = []
    for lib, layer, x in ((torch, theirs, values), (fl, ours, fl.tensor(values.numpy()))):
        x.requires_grad_()
        given = x
        if packed:
            given = lib.nn.utils.rnn.pack_padded_sequence(x, [3, 6, 1, 3], batch_first=first, enforce_sorted=False)
        output, last = layer(given)
        found = [output.data if packed else output, *(last if kind == "LSTM" else (last,))]
        sum((y * y).sum() for y in found).backward()
        results.append([*found, x.grad, *(p.grad for p in layer.parameters())])
    for a, b in zip(*results, strict=True):
        assert tuple(a.shape) == tuple(b.shape) and a.stride() == b.stride()
        assert abs(to_numpy(b) - a.detach().numpy()).max() < 2e-5


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_dropout_between_layers_is_torchs(kind):
    torch = pytest.importorskip("torch")
    theirs, ours = getattr(torch.nn, kind)(3, 8, 3, dropout=0.4), getattr(nn, kind)(3, 8, 3, dropout=0.4)
    ours.load_state_dict({name: fl.tensor(value.numpy()) for name, value in theirs.state_dict().items()})
    x = torch.randn(5, 2, 3)
    torch.manual_seed(3), fl.manual_seed(3)
    expected = theirs(x)[0].detach().numpy()
    assert abs(to_numpy(ours(fl.tensor(x.numpy()))[0]) - expected).max() < 1e-5
