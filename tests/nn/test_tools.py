"""What torch cannot do on a CPU, or does differently: parts of nn.parallel and nn.attention, and marks of parameters."""

import contextlib
from collections import namedtuple

import pytest

from tests.frame import fl

nn = fl.nn
Pair = namedtuple("Pair", ["a", "b"])


def test_scatter_and_gather():
    x = fl.arange(6).reshape(3, 2)
    one, two = nn.parallel.scatter({"x": x, "more": [x, Pair("s", x)]}, ["cpu", "cpu"])
    assert one["x"].tolist() == [[0, 1], [2, 3]] and two["more"][1] == Pair("s", two["more"][1].b)
    joined = nn.parallel.gather([one["more"][0], two["more"][0]], "cpu")
    assert fl.equal(joined, x)
    numbers = nn.parallel.gather([(fl.tensor(1.0), None)] * 2, "cpu")
    assert numbers[0].tolist() == [1, 1] and numbers[1] is None
    assert nn.parallel.scatter(x, ["cpu"] * 2, dim=1)[1].tolist() == [[1], [3], [5]]
    with pytest.raises(ValueError, match="keys"):
        nn.parallel.gather([{"a": x}, {}], "cpu")


def test_steps_of_data_parallel():
    """What a subclass may call in its own forward."""

    class Own(nn.DataParallel):
        def forward(self, *args, **kwargs):
            devices = ["cpu", "cpu"]
            inputs, named = self.scatter(args, kwargs, devices)
            return self.gather(self.parallel_apply(self.replicate(self.module, devices), inputs, named), "cpu")

    model, x = nn.Linear(2, 3), fl.rand(5, 2)
    assert fl.allclose(Own(model)(x), model(x))


def test_replicas_share_parameters():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    one, two = nn.parallel.replicate(model, ["cpu", "cpu"])
    outputs = nn.parallel.parallel_apply([one, two], [fl.ones(2, 2), (fl.ones(2, 2),)], devices=["cpu", "cpu"])
    (outputs[0] + outputs[1]).sum().backward()
    assert one[0] is not model[0] and one[0].weight is model[0].weight and model[0].weight.grad is not None
    assert not nn.parallel.replicate(model, ["cpu"], detach=True)[0][0].weight.requires_grad
    with pytest.raises(AssertionError):
        nn.parallel.parallel_apply([one], [])


@pytest.mark.parametrize("window", [(-1, -1), (-1, 0), (1, 0), (0, 2)])
@pytest.mark.parametrize("grouped", [False, True])
def test_sequences_of_different_lengths(window, grouped):
    fl.manual_seed(0)
    varlen = nn.attention.varlen
    q = fl.randn(7, 4, 8, requires_grad=True)
    k = fl.randn(9, 2 if grouped else 4, 8)
    begins, key_begins = fl.tensor([0, 3, 7], dtype=fl.int32), fl.tensor([0, 5, 9], dtype=fl.int32)
    result, sums = varlen.varlen_attn(
        q,
        k,
        k,
        begins,
        key_begins,
        4,
        5,
        window_size=window,
        enable_gqa=grouped,
        return_aux=varlen.AuxRequest(lse=True),
    )
    every = k.repeat_interleave(2, 1) if grouped else k
    for start, end, first, last in ((0, 3, 0, 5), (3, 7, 5, 9)):
        scores = fl.einsum("qhe,khe->hqk", q[start:end], every[first:last]) / 8**0.5
        place = fl.arange(end - start)[:, None] + (last - first) - (end - start)
        distance = fl.arange(last - first) - place
        hidden = fl.zeros(distance.shape, dtype=fl.bool)
        if window[0] >= 0:
            hidden |= distance < -window[0]
        if window[1] >= 0:
            hidden |= distance > window[1]
        scores = scores.masked_fill(hidden, float("-inf"))
        expected = fl.einsum("hqk,khe->qhe", scores.softmax(-1), every[first:last])
        assert fl.allclose(result[start:end], expected, atol=1e-5)
        assert fl.allclose(sums[:, start:end], scores.logsumexp(-1), atol=1e-5)
    result.sum().backward()
    assert q.grad.shape == q.shape
    out = fl.empty_like(q).detach()
    with fl.no_grad():
        assert (
            varlen.varlen_attn_out(out, q, k, k, begins, key_begins, 4, 5, window_size=window, enable_gqa=grouped)
            is out
        )
    assert fl.equal(out, result)


def test_keys_that_count():
    varlen = nn.attention.varlen
    x, begins = fl.randn(4, 1, 2), fl.tensor([0, 4])
    short = varlen.varlen_attn(x, x, x, begins, None, 4, 4, seqused_k=fl.tensor([2]))
    assert fl.allclose(short, varlen.varlen_attn(x, x[:2], x[:2], begins, fl.tensor([0, 2]), 4, 2))
    with pytest.raises(ValueError, match="sequences"):
        varlen.varlen_attn(x, x, x, begins, fl.tensor([0, 2, 4]), 4, 4)
    with pytest.raises(NotImplementedError):
        varlen.varlen_attn(x, x, x, begins, begins, 4, 4, block_table=begins)


def test_marked_tensors():
    class Own(fl.Tensor):
        pass

    parameter = nn.Parameter(fl.ones(2).as_subclass(Own))
    assert type(parameter) is Own and isinstance(parameter, nn.Parameter) and not isinstance(fl.ones(1), nn.Parameter)
    assert isinstance(nn.Buffer(fl.ones(1)), nn.Buffer) and not isinstance(parameter, nn.Buffer)
    assert isinstance(nn.UninitializedBuffer(), nn.Buffer) and not isinstance(parameter, nn.UninitializedParameter)
    module = nn.Module()
    module.x = parameter
    assert [name for name, _ in module.named_parameters()] == ["x"]


def test_flash_attention_by_name():
    attention, calls = nn.attention, []

    class Handle:
        def remove(self):
            calls.append("removed")

    attention.register_flash_attention_impl("mine", register_fn=lambda: calls.append("made") or Handle())
    try:
        attention.activate_flash_attention_impl("mine")
        assert attention.current_flash_attention_impl() == "mine" and attention.list_flash_attention_impls() == ["mine"]
        attention.restore_flash_attention_impl()
    finally:
        del attention._implementations["mine"]
    assert calls == ["made", "removed"] and attention.current_flash_attention_impl() is None


def test_products_are_kept():
    """Of a selectively checkpointed function, what the policy keeps does not run again."""
    cp, seen = fl.utils.checkpoint, []
    counting = fl.utils._python_dispatch.TorchDispatchMode

    class Count(counting):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    def policy(context, op, *args, **kwargs):
        return cp.CheckpointPolicy.MUST_SAVE if op is fl.ops.aten.mm.default else cp.CheckpointPolicy.PREFER_RECOMPUTE

    x = fl.ones(2, 2, requires_grad=True)

    @contextlib.contextmanager
    def both(one, two):
        with one, two:
            yield

    def contexts():
        first, second = cp.create_selective_checkpoint_contexts(policy)
        return first, both(Count(), second)

    cp.checkpoint(lambda a: ((a @ a).sin() @ a).cos(), x, use_reentrant=False, context_fn=contexts).sum().backward()
    assert "sin.default" in seen and "mm.default" not in seen


def test_a_copy_has_its_own_names():
    import copy

    layer = nn.Linear(2, 2)
    twin = copy.copy(layer)
    twin.more = nn.Parameter(fl.ones(1))
    assert len(list(layer.parameters())) == 2 and len(list(twin.parameters())) == 3
    assert twin.weight is layer.weight
    with contextlib.suppress(AttributeError):
        del twin.bias
    assert list(layer.state_dict()) == ["weight", "bias"]
