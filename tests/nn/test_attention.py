"""Attention modules: what no single formula says; values against torch where it is installed."""

import itertools

import pytest

from tests.frame import fl, to_numpy

nn = fl.nn


def pair(torch, name, *args, **kwargs):
    """The module in torch and here, with the same weights."""
    theirs, ours = getattr(torch.nn, name)(*args, **kwargs), getattr(nn, name)(*args, **kwargs)
    ours.load_state_dict({key: fl.tensor(value.numpy()) for key, value in theirs.state_dict().items()})
    return theirs, ours


def test_hidden_places_are_zero_in_inference():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2).eval()
    x, hidden = fl.randn(2, 4, 8), fl.tensor([[False, False, False, True], [False, False, True, True]])
    with fl.no_grad():
        result = encoder(x, src_key_padding_mask=hidden)
    assert encoder.use_nested_tensor and bool(result[hidden].eq(0).all()) and not bool(result[~hidden].eq(0).any())
    assert fl.allclose(result[~hidden], encoder(x, src_key_padding_mask=hidden)[~hidden], atol=1e-6)
    assert not bool(encoder(x, src_key_padding_mask=hidden)[hidden].eq(0).all())  # gradients are recorded
    with fl.no_grad():
        assert not bool(encoder(x, src_key_padding_mask=hidden.flip(1))[hidden.flip(1)].eq(0).all())  # not at the end


def test_a_query_that_sees_nothing_has_a_gradient():
    x = fl.randn(1, 1, 2, 4, requires_grad=True)
    mask = fl.tensor([[float("-inf")] * 2, [0.0, 0.0]])
    for dropout in (0.0, 0.5):
        (g,) = fl.autograd.grad(nn.functional.scaled_dot_product_attention(x, x, x, mask, dropout).sum(), x)
        assert bool(g.isfinite().all())


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (2, 0, 1, 3), (0, 1, 2, 3), (0, 1, 3, 2)])
def test_attention_lies_in_memory_as_the_query(order):
    """Programs transpose and view the result, as torch lets them: (batch, l, heads, e) is one block."""
    sizes = (2, 3, 5, 4)  # batch, heads, l, e
    back = sorted(range(4), key=order.__getitem__)
    query = fl.rand([sizes[d] for d in order]).permute(back).requires_grad_()
    key = fl.rand(sizes)
    for options in ({}, {"is_causal": True}, {"attn_mask": fl.zeros(5, 5)}):
        result = nn.functional.scaled_dot_product_attention(query, key, key, **options)
        assert result.stride() == (query.stride() if order[3] == 3 else key.stride())
        plain = nn.functional.scaled_dot_product_attention(query.contiguous(), key, key, **options)
        assert fl.equal(result, plain)
        ours, theirs = (fl.autograd.grad((y * key).sum(), query)[0] for y in (result, plain))
        assert fl.allclose(ours, theirs, atol=1e-6)
    if order == (0, 2, 1, 3):
        assert result.transpose(1, 2).view(2, 5, 12).shape == (2, 5, 12)


def test_is_causal_in_inference_needs_no_mask():
    attention, x = nn.MultiheadAttention(8, 2, batch_first=True), fl.randn(2, 3, 8)
    with pytest.raises(RuntimeError, match="Need attn_mask"):
        attention(x, x, x, is_causal=True)
    with fl.no_grad():
        result, _ = attention.eval()(x, x, x, is_causal=True)
        assert fl.equal(result, attention(x, x, x)[0]) and result.is_contiguous()


OPTIONS = [*itertools.product((False, True), repeat=4)]


@pytest.mark.filterwarnings("ignore:Support for mismatched")
@pytest.mark.parametrize(("bias_kv", "zero", "first", "weights"), OPTIONS, ids=str)
def test_multihead_like_torch(bias_kv, zero, first, weights):
    torch = pytest.importorskip("torch")
    options = {"add_bias_kv": bias_kv, "add_zero_attn": zero, "batch_first": first}
    theirs, ours = pair(torch, "MultiheadAttention", 8, 2, **options)
    values = torch.randn(*((3, 5, 8) if first else (5, 3, 8)))
    causal = torch.nn.Transformer.generate_square_subsequent_mask(5)
    hidden = torch.zeros(3, 5, dtype=torch.bool)
    hidden[1, 3:] = True
    for mask, padding, hint in (
        (None, None, False),
        (causal, None, True),
        (causal.isinf(), None, False),
        (causal, hidden, True),
    ):
        results = []
        for module, lib in ((theirs, torch), (ours, fl)):
            given = [t if t is None or lib is torch else fl.tensor(t.numpy()) for t in (values, mask, padding)]
            x = given[0].clone().requires_grad_()
            y, attention = module(x, x, x, given[2], weights, given[1], is_causal=hint)
            module.zero_grad()
            (y * y).sum().backward()
            results.append([y, attention, x.grad, *(p.grad for p in module.parameters())])
        assert results[0][0].stride() == results[1][0].stride()
        for a, b in zip(*results, strict=True):
            assert (a is None) == (b is None)
            assert a is None or abs(to_numpy(b) - a.detach().numpy()).max() < 2e-4


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("train", [False, True])
def test_transformer_like_torch(norm_first, train):
    torch = pytest.importorskip("torch")
    theirs, ours = pair(torch, "Transformer", 8, 2, 2, 1, 16, 0.3, "gelu", batch_first=True, norm_first=norm_first)
    source, target = torch.randn(2, 5, 8), torch.randn(2, 3, 8)
    results = []
    for module, lib in ((theirs.train(train), torch), (ours.train(train), fl)):
        lib.manual_seed(4)
        x, y = (t if lib is torch else fl.tensor(t.numpy()) for t in (source, target))
        mask = module.generate_square_subsequent_mask(3)
        results.append(module(x, y, tgt_mask=mask, tgt_is_causal=True).detach().numpy())
    assert abs(results[0] - results[1]).max() < 1e-5
