"""The meta device: every row of the test table gives tensors of the right shape, dtype and strides without any values."""

import numpy as np
import pytest

from tests.frame import call, fl, is_tensor, load_rows, make, walk

ROWS = [row for row in load_rows() if "empty" not in row.name]
# What needs values: results whose shape depends on them (masks, counts, offsets), numbers, bounds and memory as such.
REFUSED = {
    "allclose", "argwhere", "bincount", "ctc_loss", "embedding_bag", "equal", "from_dlpack", "histogram", "histogramdd", "index_put",
    "index_put_", "is_nonzero", "linalg.lstsq", "masked_select", "nn.functional.grouped_mm", "nonzero", "repeat_interleave",
    "segment_reduce", "unique", "unique_consecutive",
}  # fmt: skip


def tensors_of(value):
    if is_tensor(value):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in tensors_of(item)]
    return []


def on_meta(value):
    return walk(value, lambda v: v.detach().to("meta").requires_grad_(v.requires_grad) if is_tensor(v) else v)


def described(t):
    """Shape, dtype, and the strides that mean something."""
    strides = [stride for stride, size in zip(t.stride(), t.shape, strict=True) if size > 1] if t.numel() else None
    return tuple(t.shape), t.dtype, strides, t.requires_grad


def calls_of(row):
    """(arguments, the same on meta) of the samples that have tensors."""
    for sample in row.samples() if callable(row.samples) else row.samples:
        args, kwargs = make(
            sample, row.dtypes[0], requires_grad=bool(row.differentiable) and not row.name.endswith("_")
        )
        if tensors_of([*args, *kwargs.values()]):
            yield (args, kwargs), (on_meta(list(args)), on_meta(kwargs))


@pytest.mark.parametrize("row", [row for row in ROWS if row.name not in REFUSED], ids=lambda row: row.name)
def test_row(row):
    for (args, kwargs), (meta_args, meta_kwargs) in calls_of(row):
        wanted, found = (tensors_of(call(row, a, k)) for a, k in ((args, kwargs), (meta_args, meta_kwargs)))
        assert [described(t) for t in found] == [described(t) for t in wanted]
        assert all(t.is_meta for t in found)
        roots = [t.sum() for t in found if t.requires_grad and not t.is_complex()]
        if roots and not row.underivable:
            sum(roots).backward()
            for leaf in tensors_of([*meta_args, *meta_kwargs.values()]):
                assert leaf.grad is None or (leaf.grad.is_meta and leaf.grad.shape == leaf.shape)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused(name):
    """Where values are needed the error says so."""
    row = next(row for row in ROWS if row.name == name)
    refused = 0
    for _, (args, kwargs) in calls_of(row):
        try:
            call(row, args, kwargs)
        except RuntimeError as error:
            assert "meta" in str(error)
            refused += 1
    assert refused


def test_devices_do_not_mix():
    cpu, meta = fl.ones(2, 2), fl.ones(2, 2, device="meta")
    for mixed in (
        lambda: cpu + meta,
        lambda: cpu @ meta,
        lambda: cpu.add_(meta),
        lambda: fl.nn.functional.linear(cpu, meta),
        lambda: fl.cat([cpu, meta]),
        lambda: fl.gather(cpu, 0, meta.long()),
    ):
        with pytest.raises(RuntimeError, match="meta"):
            mixed()
    assert (meta + 1).is_meta and (meta * fl.tensor(2.0)).is_meta  # numbers go anywhere
    assert meta.copy_(cpu).is_meta and meta[fl.tensor([0])].shape == (1, 2)


def test_no_values():
    x = fl.ones(3, device="meta")
    for wanted in (
        lambda: x.sum().item(),
        lambda: bool(x.any()),
        x.tolist,
        x.cpu,
        lambda: fl.ones(3).copy_(x),
        lambda: int(x[0]),
    ):
        with pytest.raises(RuntimeError, match="meta"):
            wanted()
    with pytest.raises(TypeError, match="meta"):
        x.numpy()
    assert x.data_ptr() == 0 and x.nbytes == 12 and x.untyped_storage().nbytes() == 12
    assert repr(x) == "tensor(..., device='meta', size=(3,))"
    assert (
        repr(fl.ones(0, 2, dtype=fl.int64, device="meta"))
        == "tensor(..., device='meta', size=(0, 2), dtype=torch.int64)"
    )


def test_no_memory():
    before = fl._C.memory_stats()["live_bytes"]
    x = fl.empty(1 << 40, 4, device="meta")
    assert x.nbytes == 1 << 44 and (x + x).T.shape == (4, 1 << 40)
    assert fl._C.memory_stats()["live_bytes"] - before < 4096


def test_constructors():
    for made in (
        fl.zeros(2, device="meta"),
        fl.full((2,), 3.0, device="meta"),
        fl.arange(2, device="meta"),
        fl.rand(2, device="meta"),
        fl.randperm(2, device="meta"),
        fl.tensor([1, 2], device="meta"),
        fl.as_tensor(np.ones(2), device="meta"),
        fl.eye(2, device="meta"),
        fl.empty_strided((2,), (3,), device="meta"),
        fl.ones(2).to("meta"),
        fl.ones(2, device="meta").new_ones(2),
        fl.zeros_like(fl.ones(2), device="meta"),
        fl.linspace(0, 1, 2, device="meta"),
    ):
        assert made.is_meta and made.shape[0] == 2 and made.device == fl.device("meta")
    state = fl.get_rng_state()
    fl.randn(100, device="meta").uniform_()
    assert fl.equal(state, fl.get_rng_state())


def test_default_device():
    with fl.device("meta"):
        assert fl.ones(2).is_meta and fl.nn.Linear(2, 2).weight.is_meta and fl.get_default_device().type == "meta"
        with fl.device("cpu"):
            assert fl.ones(2).is_cpu
        assert fl.ones(2, device="cpu").is_cpu and fl.ones_like(fl.ones(2, device="cpu")).is_cpu
    assert fl.ones(2).is_cpu
    fl.set_default_device("meta")
    try:
        assert fl.ones(2).is_meta and fl.get_default_device() == fl.device("meta")
        with fl.device("cpu"):
            assert fl.ones(2).is_cpu
    finally:
        fl.set_default_device(None)
    assert fl.ones(2).is_cpu and fl.get_default_device() == fl.device("cpu")


def test_model_gets_memory_and_weights():
    def build():
        return fl.nn.Sequential(
            fl.nn.Conv2d(1, 4, 3), fl.nn.BatchNorm2d(4), fl.nn.ReLU(), fl.nn.Flatten(), fl.nn.Linear(16, 2)
        )

    reference = build()
    with fl.device("meta"):
        model = build()
    assert model(fl.ones(3, 1, 4, 4, device="meta")).shape == (3, 2)
    model.to_empty(device="cpu").load_state_dict(reference.state_dict())
    x = fl.randn(3, 1, 4, 4)
    assert fl.equal(model(x), reference(x))
    with fl.device("meta"):
        assigned = build()
    assigned.load_state_dict(reference.state_dict(), assign=True)
    assert fl.equal(assigned.eval()(x), reference.eval()(x))
    with pytest.raises(NotImplementedError, match="to_empty"):
        build().to("meta").to("cpu")
