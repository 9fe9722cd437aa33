"""Losses, initialisers and tools: torch's numbers, torch's draws, torch's complaints."""

import pytest

from tests.frame import fl

nn, F = fl.nn, fl.nn.functional


def near(got, want, tol=1e-5):
    assert [float(x) for x in got] == pytest.approx(want, rel=tol, abs=tol)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_sizes_that_differ_warn(name):
    with pytest.warns(UserWarning, match=r"target size \(torch.Size\(\[3\]\)\) that is different to the input size"):
        getattr(F, name)(fl.ones(3, 1), fl.ones(3))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: F.mse_loss(fl.ones(1), fl.ones(1), reduction="what"), ValueError, "valid value for reduction"),
        (lambda: F.smooth_l1_loss(fl.ones(1), fl.ones(1), beta=-1.0), RuntimeError, "negative values for beta"),
        (lambda: F.huber_loss(fl.ones(1), fl.ones(1), delta=0.0), RuntimeError, "non-positive values for delta"),
        (lambda: F.binary_cross_entropy(fl.ones(3, 1), fl.ones(3)), ValueError, "different to the input size"),
        (lambda: F.binary_cross_entropy(fl.full((1,), 2.0), fl.ones(1)), RuntimeError, "between 0 and 1"),
        (lambda: F.binary_cross_entropy(fl.tensor([0.5, fl.nan]), fl.ones(2)), RuntimeError, "between 0 and 1"),
        (lambda: F.binary_cross_entropy_with_logits(fl.ones(3, 1), fl.ones(3)), ValueError, "same as input size"),
        (lambda: F.cross_entropy(fl.ones(2, 3), fl.tensor([5, 1])), IndexError, "Target 5 is out of bounds"),
        (lambda: F.cross_entropy(fl.ones(2, 3), fl.tensor([1, 1, 1])), ValueError, "batch_size"),
        (lambda: F.cross_entropy(fl.ones(2, 3), fl.tensor([1, 1]), label_smoothing=2.0), RuntimeError, "between 0.0"),
        (lambda: F.nll_loss(fl.ones(2, 3), fl.ones(2)), RuntimeError, "Long or Byte"),
        (lambda: F.gaussian_nll_loss(fl.ones(2), fl.ones(2), -fl.ones(2)), ValueError, "negative entry"),
        (lambda: F.gaussian_nll_loss(fl.ones(3, 2), fl.ones(3, 2), fl.ones(4)), ValueError, "incorrect size"),
        (lambda: F.triplet_margin_loss(*[fl.ones(1, 2)] * 3, margin=0), ValueError, "greater than 0"),
        (lambda: F.margin_ranking_loss(fl.ones(3, 2), fl.ones(3, 2), fl.ones(3)), RuntimeError, "same dimension"),
        (lambda: F.cosine_embedding_loss(fl.ones(2, 2), fl.ones(2, 2), fl.ones(2, 1)), RuntimeError, "multi-target"),
        (lambda: F.one_hot(fl.tensor([0, -1])), RuntimeError, "non-negative"),
        (lambda: F.one_hot(fl.tensor([0, 3]), 2), RuntimeError, "smaller than num_classes"),
        (lambda: F.one_hot(fl.tensor([0.0])), RuntimeError, "index tensor"),
        (lambda: F.pdist(fl.ones(3)), RuntimeError, "2D"),
        (lambda: nn.RNN(3, 4)(fl.ones(2, 2, 5)), RuntimeError, "equal to input_size. Expected 3, got 5"),
        (lambda: nn.LSTM(3, 4)(fl.ones(3)), ValueError, "2D or 3D, got 1D"),
        (lambda: nn.GRU(3, 4)(fl.ones(2, 2, 3), fl.ones(1, 3, 4)), RuntimeError, "Expected hidden size"),
        (lambda: nn.RNN(3, 4, nonlinearity="x"), ValueError, "Unknown nonlinearity"),
        (lambda: nn.GRU(3, 4, proj_size=2), ValueError, "only supported for LSTM"),
        (lambda: nn.BatchNorm2d(3)(fl.ones(2, 3)), ValueError, "expected 4D input"),
        (lambda: nn.BatchNorm1d(3)(fl.ones(1, 3)), ValueError, "more than 1 value per channel"),
        (lambda: nn.GroupNorm(2, 3), ValueError, "divisible"),
        (lambda: nn.Dropout(2), ValueError, "between 0 and 1"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "in_channels must be divisible"),
        (lambda: nn.Conv2d(3, 4, 3, padding="some"), ValueError, "Invalid padding string"),
        (lambda: nn.Conv2d(4, 4, 3, stride=2, padding="same"), ValueError, "not supported for strided"),
        (lambda: nn.MultiheadAttention(5, 2), AssertionError, "divisible by num_heads"),
        (lambda: nn.Embedding(3, 2, padding_idx=5), AssertionError, "within num_embeddings"),
        (lambda: nn.init.kaiming_uniform_(fl.ones(3)), ValueError, "fewer than 2 dimensions"),
        (lambda: nn.init.calculate_gain("what"), ValueError, "Unsupported nonlinearity"),
        (lambda: nn.init.eye_(fl.ones(2, 2, 2)), ValueError, "2 dimensions"),
    ],
)
def test_misuse(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.filterwarnings("ignore:size_average")
def test_old_reduction_words():
    x, y = fl.tensor([1.0, 3.0]), fl.zeros(2)
    assert float(F.mse_loss(x, y, size_average=False)) == 10 and F.mse_loss(x, y, reduce=False).shape == (2,)
    assert nn.MSELoss(size_average=False).reduction == "sum"


def test_binary_cross_entropy_at_the_ends():
    p = fl.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    loss = F.binary_cross_entropy(p, fl.tensor([0.0, 1.0, 1.0, 0.0]), reduction="none")
    near(loss.tolist(), [0, 0, 100, 100])
    loss.sum().backward()
    near(p.grad.tolist(), [0, 0, -1e12, 1e12])


@pytest.mark.skipif(fl.__name__ == "torch", reason="torch's soft_margin_loss overflows")
def test_losses_far_out_are_finite():
    x = fl.tensor([1e4, -1e4], requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, fl.tensor([0.0, 1.0])) + F.soft_margin_loss(x, fl.tensor([-1.0, 1.0]))
    loss.backward()
    near([loss.item()], [2e4])
    near(x.grad, [1, -1])


def test_ignored_targets():
    x = fl.zeros(3, 4)
    y = fl.tensor([1, -100, 2])
    near(F.cross_entropy(x, y, reduction="none").tolist(), [1.3862944, 0, 1.3862944])
    near([F.cross_entropy(x, y)], [1.3862944])
    assert F.cross_entropy(x, fl.full((3,), -100)).isnan()


def test_impossible_ctc_targets():
    log_probs = fl.zeros(2, 1, 3).log_softmax(2).requires_grad_()
    args = (log_probs, fl.tensor([[1, 1]]), fl.tensor([2]), fl.tensor([2]))
    assert F.ctc_loss(*args).item() == float("inf")
    loss = F.ctc_loss(*args, zero_infinity=True)
    loss.backward()
    assert loss.item() == 0 and float(log_probs.grad.abs().sum()) == 0


INITIALISERS = {
    "uniform_": (-0.1, 0.2),
    "normal_": (1.0, 0.1),
    "trunc_normal_": (0.5, 2.0, -1.0, 1.0),
    "constant_": (3.0,),
    "ones_": (),
    "zeros_": (),
    "eye_": (),
    "xavier_uniform_": (2.0,),
    "xavier_normal_": (),
    "kaiming_uniform_": (0.1, "fan_out", "leaky_relu"),
    "kaiming_normal_": (0, "fan_in", "relu"),
    "orthogonal_": (0.5,),
    "sparse_": (0.4,),
}


@pytest.mark.parametrize("name", INITIALISERS)
def test_initialisers_draw_as_torch(name):
    torch = pytest.importorskip("torch")
    results = []
    for lib in (fl, torch):
        lib.manual_seed(3)
        results.append(getattr(lib.nn.init, name)(lib.empty(5, 4), *INITIALISERS[name]))
        results.append(lib.rand(2))  # the stream goes on as torch's
    for got, want in zip(results[:2], results[2:], strict=True):
        near(got.reshape(-1).tolist(), want.reshape(-1).tolist())


def test_dirac():
    w = nn.init.dirac_(fl.empty(4, 2, 3), groups=2)
    assert w.sum() == 4 and w[3, 1, 1] == 1


def test_clipping():
    ps = [nn.Parameter(fl.zeros(2)), nn.Parameter(fl.zeros(1))]
    ps[0].grad, ps[1].grad = fl.tensor([3.0, 0.0]), fl.tensor([4.0])
    near([nn.utils.clip_grad_norm_(ps, 1.0)], [5.0])
    near([*ps[0].grad, *ps[1].grad], [0.6, 0, 0.8])
    near([nn.utils.clip_grad_norm_(ps, 9.0, norm_type=float("inf"))], [0.8])
    nn.utils.clip_grad_value_(ps, 0.5)
    near([*ps[0].grad, *ps[1].grad], [0.5, 0, 0.5])
    ps[0].grad = fl.tensor([float("nan"), 1.0])
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(ps, 1.0, error_if_nonfinite=True)


def test_parameters_as_a_vector():
    layer = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    nn.utils.vector_to_parameters(vector * 0 + 2, layer.parameters())
    assert vector.shape == (9,) and float(layer.weight.detach().sum()) == 12


def test_packing():
    rnn = nn.utils.rnn
    sequences = [fl.arange(3.0), fl.arange(5.0), fl.arange(2.0)]
    packed = rnn.pack_sequence(sequences, enforce_sorted=False)
    assert packed.batch_sizes.tolist() == [3, 3, 2, 1, 1] and packed.sorted_indices.tolist() == [1, 0, 2]
    padded, lengths = rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1.0)
    assert lengths.tolist() == [3, 5, 2] and padded[2].tolist() == [0, 1, -1, -1, -1]
    assert [s.tolist() for s in rnn.unpack_sequence(packed)] == [s.tolist() for s in sequences]
    assert rnn.pad_sequence(sequences, padding_side="left")[0].tolist() == [0, 0, 0]
    assert packed.double().data.dtype == fl.float64
    with pytest.raises(RuntimeError, match="sorted in decreasing order"):
        rnn.pack_sequence(sequences)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_packed_sequences_run_like_single_ones(kind):
    layer = getattr(nn, kind)(2, 3, 2, bidirectional=True)
    sequences = [fl.randn(n, 2) for n in (2, 4, 3)]
    output, last = layer(nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False))
    padded, _ = nn.utils.rnn.pad_packed_sequence(output)
    last = last[0] if kind == "LSTM" else last
    for i, sequence in enumerate(sequences):
        alone, end = layer(sequence)
        end = end[0] if kind == "LSTM" else end
        assert fl.allclose(padded[: len(sequence), i], alone, atol=1e-6) and fl.allclose(last[:, i], end, atol=1e-6)


def test_fusing():
    conv, bn = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)
    bn(conv(fl.randn(4, 2, 5, 5)))
    conv.eval(), bn.eval()
    x = fl.randn(1, 2, 5, 5)
    assert fl.allclose(nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-5)
    with pytest.raises(AssertionError):
        nn.utils.fuse_conv_bn_eval(conv.train(), bn)


def test_gradient_of_the_norm_over_channels():
    layer = fl.nn.CrossMapLRN2d(3, alpha=0.5)
    x = (fl.arange(10, dtype=fl.float64).reshape(1, 5, 1, 2) * 1.7).sin().requires_grad_()
    assert fl.autograd.gradcheck(layer, (x,))


def test_empty_batches_leave_no_garbage():
    """Statistics of nothing are not used: gradients by weight and bias are zero."""
    for _ in range(3):
        noise = fl.full((64,), float("nan"))
        del noise
        layer = fl.nn.BatchNorm1d(3)
        layer(fl.zeros(0, 3, 2, requires_grad=True)).sum().backward()
        assert layer.weight.grad.tolist() == layer.bias.grad.tolist() == [0, 0, 0]
        bag = fl.nn.EmbeddingBag(4, 2, mode="sum")
        bag(fl.zeros(0, dtype=fl.int64), fl.tensor([0])).sum().backward()
        assert bag.weight.grad.tolist() == [[0, 0]] * 4


def test_slopes_are_drawn_where_needed():
    """torch draws one slope per element that is not positive, in double precision."""
    x = fl.tensor([1.0, -1.0, -2.0, 3.0, -3.0, -4.0])
    fl.manual_seed(1)
    y = fl.nn.functional.rrelu(x, 0.1, 0.3, training=True)
    fl.manual_seed(1)
    slopes = fl.empty(4, dtype=fl.float64).uniform_(0.1, 0.3)
    assert fl.allclose(y[x < 0] / x[x < 0], slopes.float()) and y[0] == 1 and y[3] == 3


def test_long_bags():
    """Bags of very different lengths cost what their elements cost."""
    table = fl.rand(10, 3)
    indices = fl.arange(5000) % 10
    offsets = fl.cat([fl.arange(2000), fl.tensor([2000])])
    found = fl.nn.functional.embedding_bag(indices, table, offsets, mode="mean")
    assert fl.allclose(found[:2000], table[indices[:2000]]) and fl.allclose(
        found[2000], table[indices[2000:]].mean(0), 1e-4
    )
