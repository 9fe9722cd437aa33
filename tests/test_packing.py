"""Packed weights that are kept between calls: the same results to the bit, never those of a weight that has changed."""

import ctypes
import gc

import numpy as np
import pytest

from tests.frame import fl

F = fl.nn.functional
keep = fl.backends.cpu.keep_packed_weights


def random(*shape, dtype=None):
    return fl.randn(*shape, dtype=dtype, generator=fl.Generator().manual_seed(sum(shape)))


PRODUCTS = {
    "linear": lambda: (F.linear, random(33, 300), random(70, 300)),
    "linear, many rows": lambda: (F.linear, random(500, 64), random(96, 64)),
    "linear, several passes": lambda: (F.linear, random(2, 20, 1700), random(130, 1700)),
    "linear, several blocks of columns": lambda: (F.linear, random(9, 900), random(2500, 900)),
    "linear, float64": lambda: (F.linear, random(17, 130, dtype=fl.float64), random(129, 130, dtype=fl.float64)),
    "matmul": lambda: (fl.matmul, random(40, 200), random(200, 150)),
    "matmul, transposed": lambda: (lambda x, w: x @ w.mT, random(3, 40, 200), random(150, 200)),
    "addmm": lambda: (lambda x, w: fl.addmm(x[0, 0], x, w, beta=0.5), random(40, 200), random(200, 150)),
    "part of a larger weight": lambda: (lambda x, w: F.linear(x, w[64:192, 8:72]), random(20, 64), random(256, 80)),
    "3x3": lambda: (lambda x, w: F.conv2d(x, w, padding=1), random(2, 64, 14, 14), random(64, 64, 3, 3)),
    "3x3, long rows": lambda: (lambda x, w: F.conv2d(x, w, padding=1), random(1, 32, 40, 40), random(64, 32, 3, 3)),
    "3x3, many channels": lambda: (
        lambda x, w: F.conv2d(x, w, padding=1),
        random(1, 256, 14, 14),
        random(128, 256, 3, 3),
    ),
    "3x3, few pixels": lambda: (lambda x, w: F.conv2d(x, w, padding=1), random(1, 64, 7, 7), random(96, 64, 3, 3)),
    "3x3, channels_last": lambda: (
        lambda x, w: F.conv2d(x.to(memory_format=fl.channels_last), w, stride=2),
        random(2, 48, 15, 15),
        random(40, 48, 3, 3),
    ),
    "3x3, stride 2": lambda: (lambda x, w: F.conv2d(x, w, None, 2, 1), random(2, 32, 16, 16), random(64, 32, 3, 3)),
    "5x5": lambda: (lambda x, w: F.conv2d(x, w), random(2, 8, 30, 30), random(24, 8, 5, 5)),
    "7x7, stride 2": lambda: (lambda x, w: F.conv2d(x, w, None, 2, 3), random(1, 3, 64, 64), random(64, 3, 7, 7)),
    "1x1": lambda: (F.conv2d, random(1, 128, 24, 24), random(64, 128, 1, 1)),
    "1x1, many result channels": lambda: (F.conv2d, random(1, 128, 18, 18), random(256, 128, 1, 1)),
    "1x1, stride 2": lambda: (lambda x, w: F.conv2d(x, w, None, 2), random(40, 128, 28, 28), random(64, 128, 1, 1)),
    "1x1, channels_last": lambda: (
        lambda x, w: F.conv2d(x.to(memory_format=fl.channels_last), w),
        random(1, 128, 9, 9),
        random(64, 128, 1, 1),
    ),
    "groups": lambda: (lambda x, w: F.conv2d(x, w, groups=2), random(1, 64, 20, 20), random(256, 32, 1, 1)),
    "1d": lambda: (lambda x, w: F.conv1d(x, w, padding=2), random(2, 32, 100), random(48, 32, 5)),
    "float64": lambda: (
        lambda x, w: F.conv2d(x, w),
        random(1, 16, 12, 12, dtype=fl.float64),
        random(32, 16, 3, 3, dtype=fl.float64),
    ),
    "transposed": lambda: (
        lambda x, w: F.conv_transpose2d(x, w, None, 2, 1),
        random(1, 32, 9, 9),
        random(32, 24, 4, 4),
    ),
    "bfloat16": lambda: (
        lambda x, w: F.conv2d(x, w),
        random(1, 32, 12, 12).bfloat16(),
        random(32, 32, 3, 3).bfloat16(),
    ),
}


@pytest.fixture(autouse=True)
def without_gradients():
    with fl.no_grad():
        yield
    keep(True)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", PRODUCTS)
def test_the_same_to_the_bit(case, threads):
    before = fl.get_num_threads()
    fl.set_num_threads(threads)
    try:
        function, x, w = PRODUCTS[case]()
        keep(False)
        expected = function(x, w)
        keep(True)
        for _ in range(3):  # seen, packed, read
            assert fl.equal(function(x, w), expected)
        other = random(*x.shape, dtype=None).to(x.dtype) * 0.5
        kept = function(other, w)
        keep(False)
        assert fl.equal(kept, function(other, w))
    finally:
        fl.set_num_threads(before)


def write_through_address(w):
    ctypes.memmove(w.data_ptr(), np.full(w.numel(), 2, np.float32).ctypes.data, 4 * w.numel())


CHANGES = {
    "mul_": lambda w: w.mul_(2),
    "copy_": lambda w: w.copy_(fl.ones_like(w)),
    "one element": lambda w: w.__setitem__((0,) * w.ndim, 100.0),
    "view": lambda w: w.view(-1)[5:10].zero_(),
    "detached": lambda w: w.detach().add_(1),
    "data": lambda w: w.data.fill_(0.5),
    "alias of data": lambda w: w.data.view(-1)[3:7].fill_(7),
    "NumPy": lambda w: w.numpy().__setitem__(0, 3.0),
    "DLPack": lambda w: np.from_dlpack(w).__class__ and fl.from_dlpack(w).fill_(0.25),
    "address": write_through_address,
    "out": lambda w: fl.add(fl.ones_like(w), 1, out=w),
    "normal_": lambda w: fl.nn.init.normal_(w),
    "another storage": lambda w: setattr(w, "data", fl.ones(w.shape)),
    "set_": lambda w: w.set_(fl.ones(w.shape)),
    "resize_": lambda w: [w.resize_(shape) for shape in (0, w.shape)] and w.fill_(1),
    "storage": lambda w: w.untyped_storage().fill_(0),
    "foreach": lambda w: fl._foreach_add_([w], 1.0),
    "swap": lambda w: fl.utils.swap_tensors(w, fl.ones(w.shape)),
}
PRODUCT_SHAPE, CONV_SHAPE = (80, 80), (32, 32, 3, 3)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["product", "conv"])
def test_a_changed_weight_is_packed_anew(kind, change):
    w = random(*(PRODUCT_SHAPE if kind == "product" else CONV_SHAPE))
    x = random(20, 80) if kind == "product" else random(1, 32, 14, 14)
    function = fl.matmul if kind == "product" else F.conv2d
    for _ in range(3):
        before = function(x, w)
    for _ in range(3):
        CHANGES[change](w)
        after = function(x, w)
        assert not fl.equal(before, after)
        assert fl.equal(after, function(x, w.clone()))


def test_a_living_array_may_write_at_any_time():
    x, w = random(20, 80), random(*PRODUCT_SHAPE)
    array = w.numpy()
    for value in range(4):
        array[:] = value
        assert fl.equal(x @ w, x @ w.clone())
    del array
    for _ in range(4):
        assert fl.equal(x @ w, x @ w.clone())
    foreign = np.ones(PRODUCT_SHAPE, np.float32)
    w = fl.from_numpy(foreign)
    for value in range(4):
        foreign[:] = value
        assert fl.equal(x @ w, x @ w.clone())


def test_training_and_evaluation_by_turns():
    fl.manual_seed(0)
    model = fl.nn.Sequential(fl.nn.Conv2d(32, 32, 3), fl.nn.Flatten(), fl.nn.Linear(32 * 36, 16))
    optimizer = fl.optim.Adam(model.parameters(), lr=0.01)
    x = random(12, 32, 8, 8)
    for _ in range(3):
        with fl.enable_grad():
            model(x).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
        for _ in range(3):
            kept = model(x)
        keep(False)
        assert fl.equal(model(x), kept)
        keep(True)


def live():
    gc.collect()
    return fl._C.memory_stats()["live_bytes"]


def test_memory():
    x, w = random(16, 512), random(512, 512).requires_grad_()
    size = w.numel() * 4
    result = x @ w
    start = live()
    with fl.enable_grad():
        for _ in range(3):
            (x @ w).sum().backward()
            w.grad = None
    assert live() < start + size // 2  # training keeps nothing
    for _ in range(3):
        result = x @ w
    assert start + size <= live() < start + 2 * size
    with fl.enable_grad():
        result = x @ w
    del result
    assert live() < start + size // 2  # and lets go what there was
    for _ in range(3):
        result = x @ w
    keep(False)
    result = x @ w
    assert live() < start + size // 2
    keep(True)
    for _ in range(3):
        x @ w
    del x, w, result
    assert live() < start - size // 2
