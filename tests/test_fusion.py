"""Ops that wait and run as one: the same values to the bit as one after the other, whatever is looked at, changed or let go."""

import gc
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

from tests.frame import fl

F = fl.nn.functional
fuse = fl.backends.cpu.fuse
SIZE = 70_001  # from 65,536 elements on ops wait; no multiple of a piece


@pytest.fixture(autouse=True)
def on():
    yield
    fuse(True)


def random(*shape, seed=0):
    return fl.randn(*shape, generator=fl.Generator().manual_seed(seed + sum(shape)))


def one_by_one(function):
    fuse(False)
    try:
        return function()
    finally:
        fuse(True)


def same(function):
    got, expected = function(), one_by_one(function)
    got, expected = (r if isinstance(r, (tuple, list)) else (r,) for r in (got, expected))
    assert len(got) == len(expected)
    for a, b in zip(got, expected):
        assert a.shape == b.shape and a.stride() == b.stride() and a.dtype is b.dtype
        assert a.numpy().tobytes() == b.numpy().tobytes()


def long_chain(x):
    for k in range(40):
        x = x * 0.5 + k
    return x


def several_results(x, w):
    a = x * w
    b = a + 1
    c = fl.sigmoid(b)
    return c, a, b * c


def in_place(x, w):
    y = x * w
    y += x
    y.mul_(2).relu_()
    view = y[5:10]
    y.sub_(1)
    return y, view.clone()


def change_of_a_source(x, w):
    x = x.clone()
    y = x * w
    z = y + x
    x.zero_()
    return y, z, x


def change_through_a_view(x, w):
    x = x.clone()
    y = x + w
    x[3:10] = 7
    return y, x


def source_and_result(x, w):
    y = x * 2
    z = x + 3
    return y * z + y


def numbers(x, w):
    return (x * fl.tensor(0.25) + fl.tensor(3) - fl.tensor(1.5, dtype=fl.float64)) / 7


def mixed(x, w):
    y = x * w
    return y.double() + 1, (y > 0), y.int() * 2, y.sum(), y.view(-1)[7:9]


CHAINS = {
    "one op": lambda x, w: x * w,
    "long": lambda x, w: long_chain(x),
    "gelu": lambda x, w: 0.5 * x * (1 + fl.tanh(0.79788456 * (x + 0.044715 * x * x * x))),
    "several results": several_results,
    "in place": in_place,
    "change of a source": change_of_a_source,
    "change through a view": change_through_a_view,
    "source and result": source_and_result,
    "numbers": numbers,
    "other types": mixed,
    "parameters": lambda x, w: F.leaky_relu(x, 0.3) + F.hardtanh(w, -0.5, 0.25) + F.elu(x * w, 0.7),
    "broadcast": lambda x, w: (x * 2).view(1, -1) + w.view(-1)[:1].view(1, 1),
    "the same twice": lambda x, w: (x * x, x * x + x * x),
    "transposed": lambda x, w: (x[:70000].view(100, 700).T * 2 + w[:70000].view(100, 700).T) * 3,
    "not finite": lambda x, w: (x / 0 * 0 + 1 / (w * 0)).relu(),
    "out": lambda x, w: fl.add(x * 2, w, out=fl.empty(SIZE)),
}


@pytest.fixture(params=[1, 2])
def threads(request):
    before = fl.get_num_threads()
    fl.set_num_threads(request.param)
    yield request.param
    fl.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("case", CHAINS)
def test_chains(case):
    x, w = random(SIZE), random(SIZE, seed=1)
    same(lambda: CHAINS[case](x, w))


@pytest.mark.parametrize("case", CHAINS)
def test_gradients(case):
    def run():
        x, w = random(SIZE).requires_grad_(), random(SIZE, seed=1).requires_grad_()
        results = CHAINS[case](x * 1, w * 1)
        for r in results if isinstance(results, tuple) else (results,):
            if r.requires_grad:
                r.sum().backward(retain_graph=True)
        return [t.grad for t in (x, w) if t.grad is not None]

    if case in ("out", "in place", "change of a source", "change through a view"):  # not with gradients
        with fl.no_grad():
            same(lambda: CHAINS[case](random(SIZE), random(SIZE, seed=1)))
    else:
        same(run)


class Block(fl.nn.Module):
    """A convolution, its norm, an activation, and what was there before."""

    def __init__(self, kind, channels, activation):
        super().__init__()
        make = {
            "3x3": lambda: fl.nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            "1x1": lambda: fl.nn.Conv2d(channels, channels, 1),
            "depthwise": lambda: fl.nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            "groups": lambda: fl.nn.Conv2d(channels, channels, 3, padding=1, groups=2),
            "transposed": lambda: fl.nn.ConvTranspose2d(channels, channels, 3, padding=1),
            "5x5, dilated": lambda: fl.nn.Conv2d(channels, channels, 5, padding=4, dilation=2),
        }
        self.conv, self.norm, self.activation = make[kind](), fl.nn.BatchNorm2d(channels), activation
        fl.nn.init.uniform_(self.norm.running_mean, -1, 1)
        fl.nn.init.uniform_(self.norm.running_var, 0.5, 2)
        fl.nn.init.normal_(self.norm.weight)
        fl.nn.init.normal_(self.norm.bias)

    def forward(self, x):
        y = self.activation(self.norm(self.conv(x)))
        y = self.norm(self.conv(y))
        y += x
        return self.activation(y)


ACTIVATIONS = {
    "relu": fl.nn.ReLU(inplace=True),
    "silu": fl.nn.SiLU(),
    "hardswish": fl.nn.Hardswish(),
    "relu6": fl.nn.ReLU6(inplace=True),
    "none": fl.nn.Identity(),
}


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("size", [(1, 64, 14, 14), (2, 32, 20, 45), (1, 160, 7, 7), (3, 16, 33, 9), (2, 144, 24, 24)])
@pytest.mark.parametrize("kind", ["3x3", "1x1", "depthwise", "groups", "transposed", "5x5, dilated"])
def test_convolutions(kind, size, last):
    fl.manual_seed(3)
    activation = list(ACTIVATIONS.values())[sum(size) % len(ACTIVATIONS)]
    block, x = Block(kind, size[1], activation).eval(), random(*size)
    if last:
        block, x = block.to(memory_format=fl.channels_last), x.to(memory_format=fl.channels_last)
    with fl.no_grad():
        same(lambda: block(x))
        same(lambda: block(x))  # with weights that are kept packed


def test_a_convolution_with_what_is_read_in_between():
    conv, norm, x = fl.nn.Conv2d(16, 32, 3), fl.nn.BatchNorm2d(32).eval(), random(2, 16, 20, 20)

    def run(look):
        y = conv(x)
        kept = [y] if "conv" in look else []
        z = norm(y)
        if "norm" in look:
            kept.append(z)
        if "number" in look:
            z[0, 0, 0, 0].item()
        del y
        return [*kept, F.relu(z)]

    with fl.no_grad():
        for look in ("", "conv", "norm", "conv norm", "number", "conv number"):
            same(lambda look=look: run(look))


def test_weights_that_change_before_anyone_looks():
    conv, x = fl.nn.Conv2d(16, 32, 3), random(2, 16, 20, 20)
    with fl.no_grad():
        expected = one_by_one(lambda: conv(x))
        y = conv(x)
        conv.weight.zero_()
        conv.bias.zero_()
        assert fl.equal(y, expected) and not conv(x).any()
        y, x_before = conv(x) + 1, x.clone()
        x.fill_(5)
        assert (y == 1).all() and not fl.equal(x, x_before)


def test_memory_that_others_can_write():
    array = np.ones(SIZE, np.float32)
    x = fl.from_numpy(array)
    y = x * 2 + 1
    array[:] = 0
    assert (y == 3).all()
    z = fl.ones(SIZE)
    view = z.numpy()
    y = z * 2 + 1
    view[:] = 0
    assert (y == 3).all()
    y = (z + 1) * 2
    array = y.numpy()  # looks
    assert (array == 2).all()
    array[:] = 5
    assert (y == 5).all()


def test_what_nobody_wants_is_let_go():
    x = random(SIZE)
    y = x * 2
    z = y + 1
    source, middle = weakref.ref(x), weakref.ref(y)
    del x, y
    gc.collect()
    assert source() is None and middle() is None
    del z
    gc.collect()
    start = fl._C.memory_stats()["live_bytes"]
    waiting = [random(SIZE, seed=k) * 2 for k in range(20)]
    del waiting
    gc.collect()
    assert fl._C.memory_stats()["live_bytes"] <= start


def test_copies_files_and_other_memory(tmp_path):
    import copy
    import pickle

    x = random(SIZE)
    expected = one_by_one(lambda: x * 2 + 1)
    assert fl.equal(copy.deepcopy(x * 2 + 1), expected)
    assert fl.equal(pickle.loads(pickle.dumps(x * 2 + 1)), expected)
    fl.save(x * 2 + 1, tmp_path / "x.pt")
    assert fl.equal(fl.load(tmp_path / "x.pt"), expected)
    assert fl.equal((x * 2 + 1).share_memory_(), expected)
    y = x * 2 + 1
    y.resize_(10)
    assert fl.equal(y, expected[:10])
    y = x * 2 + 1
    x.untyped_storage().fill_(0)
    assert fl.equal(y, expected)


def test_two_threads_look_at_once():
    x = random(2_000_000)
    expected = one_by_one(lambda: fl.exp(fl.sin(x)) * 2)
    for _ in range(10):
        y = fl.exp(fl.sin(x)) * 2
        seen = []
        threads = [threading.Thread(target=lambda y=y: seen.append(fl.equal(y, expected))) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert seen == [True] * 4


def test_one_thread_writes_what_another_reads():
    expected = None
    for _ in range(10):
        x = random(2_000_000)
        y = fl.exp(fl.sin(x)) * 2
        threads = [threading.Thread(target=f) for f in (lambda y=y: y.sum(), lambda x=x: x.zero_())]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not x.any()
        expected = y if expected is None else expected
        assert fl.equal(y, expected)


def test_the_environment_decides():
    program = (
        "import flambeau as fl\n"
        "x = fl.ones(100_000); y = x * 2; array = y.numpy()\n"
        "print(fl.backends.cpu.fuse.__name__, float((y + x).sum()))"
    )
    from pathlib import Path

    for wish in ("0", "1", "all"):
        out = subprocess.run(
            [sys.executable, "-c", program],
            env={"FLAMBEAU_FUSE": wish, "PYTHONPATH": str(Path(fl.__file__).parents[1])},
            capture_output=True,
            text=True,
        )
        assert out.stdout == "fuse 300000.0\n", out.stderr
