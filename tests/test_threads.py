"""Results are the same bits for one thread and for two, over the whole table and for calls large enough to be split."""

import pytest

from tests.frame import call, fl, is_tensor, load_rows, make, outputs, to_numpy

ROWS = [row for row in load_rows() if "empty" not in row.name]  # whose values are whatever was there


@pytest.fixture
def threads():
    before = fl.get_num_threads()
    yield fl.set_num_threads
    fl.set_num_threads(before)


def results(row, sample, dtype):
    """Values and gradients of one call."""
    args, kwargs = make(sample, dtype, requires_grad=bool(row.differentiable))
    found = [t for t in outputs(call(row, args, kwargs)) if is_tensor(t)]
    grads = []
    leaves = [a for a in args if is_tensor(a) and a.requires_grad]
    # With `through`, other outputs depend on signs and phases, and have no derivative.
    derived = found if row.through is None else outputs(row.through(lambda *a, **k: call(row, a, k), *args, **kwargs))
    values = [v for v in derived if v.requires_grad]
    if leaves and values:
        weights = [fl.ones_like(v) for v in values]
        grads = [g for g in fl.autograd.grad(values, leaves, weights, allow_unused=True) if g is not None]
    return [to_numpy(t) for t in found + grads]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_same_bits(row, threads):
    samples = row.list_samples() + ([row.large] if row.large is not None else [])
    dtype = "float32" if "float32" in row.dtypes else row.dtypes[0]
    for sample in samples:
        threads(1)
        one = results(row, sample, dtype)
        threads(2)
        two = results(row, sample, dtype)
        for a, b in zip(one, two, strict=True):
            assert a.shape == b.shape and a.tobytes() == b.tobytes(), f"{row.name}{sample}"
