"""Products and convolutions of 16-bit numbers: sums in float32, rounded once. Small whole numbers have exact sums, so
that every value is known whatever the order. The last test runs all others in pairs of numbers (csrc/kernels/cpu/pairs.h),
with the instruction done in other words where the machine lacks it."""

import hashlib
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.frame import fl

F = fl.nn.functional
HALVES = ("bfloat16", "float16")
BITS = {"bfloat16": 8, "float16": 11}  # of the significand
both = pytest.mark.parametrize("dtype", HALVES)


def whole(*shape, high=3, seed=0):
    return np.random.default_rng(seed).integers(-high, high + 1, shape).astype("float32")


def as_half(x, dtype):
    return fl.tensor(x).to(getattr(fl, dtype))


def rounded(x, dtype):
    """float32 values as the dtype holds them."""
    return as_half(np.asarray(x, "float32"), dtype).float().numpy()


def laid_out(x, layout, dtype):
    """A tensor with the values of x and one of three layouts: dense, transposed, every other column of a wider one."""
    if layout == "turned":
        return as_half(np.swapaxes(x, -1, -2).copy(), dtype).mT
    return as_half(np.repeat(x, 2, -1), dtype)[..., ::2] if layout == "wide" else as_half(x, dtype)


SIZES = [(5, 7, 9), (64, 96, 48), (1, 64, 64), (64, 64, 1), (1, 65, 1), (3, 1, 4), (40, 2, 40), (14, 33, 32), (15, 34, 33), (29, 5000, 65),
         (100, 4097, 70), (200, 201, 200), (300, 2048, 31), (2, 300, 40), (17, 64, 1024), (8, 0, 8)]  # fmt: skip


@both
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_products_are_exact(size, dtype):
    m, k, n = size
    a, b = whole(m, k), whole(k, n, seed=1)
    expected = rounded(a.astype("float64") @ b, dtype)
    for left, right in itertools.product(("dense", "turned", "wide"), repeat=2):
        found = laid_out(a, left, dtype) @ laid_out(b, right, dtype)
        assert np.array_equal(found.float().numpy(), expected), (left, right)


@both
def test_products_are_rounded_once(dtype):
    rng = np.random.default_rng(0)
    for m, k, n in [(64, 64, 64), (37, 3001, 50), (3, 700, 90)]:
        a, b = (rounded(rng.standard_normal(shape), dtype).astype("float64") for shape in ((m, k), (k, n)))
        found = (as_half(a.astype("float32"), dtype) @ as_half(b.astype("float32"), dtype)).double().numpy()
        bound = abs(a @ b) * 2.0 ** -BITS[dtype] + k * 2.0**-24 * (abs(a) @ abs(b))
        assert (abs(found - a @ b) <= bound).all()


@both
def test_stacks(dtype):
    a, b = whole(3, 2, 20, 30), whole(2, 30, 40, seed=1)
    expected = rounded(a @ b, dtype)
    for left, right in itertools.product(("dense", "turned", "wide"), repeat=2):
        found = laid_out(a, left, dtype) @ laid_out(b, right, dtype)
        assert np.array_equal(found.float().numpy(), expected), (left, right)
    stack = as_half(np.ascontiguousarray(a[:, 0].transpose(1, 0, 2)), dtype).transpose(0, 1)
    assert np.array_equal((stack @ as_half(b[0], dtype)).float().numpy(), expected[:, 0])


@both
@pytest.mark.parametrize(
    "size", [(5, 7, 9), (64, 96, 48), (1, 64, 64), (64, 64, 1), (200, 33, 100), (4, 0, 5)], ids=str
)
def test_what_is_added_joins_the_sums(size, dtype):
    """beta * input + alpha * sum in float32: alpha's product is rounded, beta's is not."""
    m, k, n = size
    a, b = whole(m, k), whole(k, n, seed=1)
    half = getattr(fl, dtype)
    matrix, row = (rounded(np.random.default_rng(2).normal(0, 50, shape), dtype) for shape in ((m, n), (n,)))
    sums = (a.astype("float64") @ b).astype("float32")

    def expected(c, alpha=1.0, beta=1.0):
        scaled = np.float32(alpha) * sums
        return rounded((scaled.astype("float64") + np.float64(np.float32(beta)) * c).astype("float32"), dtype)

    left, right, c, bias = (as_half(x, dtype) for x in (a, b, matrix, row))
    pairs = [
        (fl.addmm(c, left, right), expected(matrix)),
        (fl.addmm(bias, left, right), expected(row)),
        (fl.addmm(c, left, right, beta=0.7, alpha=1.3), expected(matrix, 1.3, 0.7)),
        (fl.addmm(bias, left, right, beta=0.7, alpha=1.3), expected(row, 1.3, 0.7)),
        (fl.addmm(fl.full((m, n), np.nan, dtype=half), left, right, beta=0), expected(0 * matrix)),
        (F.linear(left, right.mT.contiguous(), bias), expected(row)),
        (fl.addmv(c[:, 0], left, right[:, 0]), expected(matrix)[:, 0]),
        (fl.addmv(c[:, 0], left, right[:, 0], beta=0.7, alpha=1.3), expected(matrix, 1.3, 0.7)[:, 0]),
        (fl.baddbmm(c, left[None], right[None], beta=0.7, alpha=1.3)[0], expected(matrix, 1.3, 0.7)),
    ]
    for i, (found, wanted) in enumerate(pairs):
        assert np.array_equal(found.float().numpy(), wanted), i


@both
@pytest.mark.parametrize("size", [(1, 1, 1), (3, 5, 2), (40, 41, 50)], ids=str)
def test_values_at_the_ends(size, dtype):
    m, k, n = size
    largest = fl.finfo(getattr(fl, dtype)).max
    ones = as_half(np.ones((k, n), "float32"), dtype)
    top = fl.full((m, k), largest, dtype=ones.dtype)
    assert (top @ (2 * ones)).isposinf().all() and (top @ (-2 * ones)).isneginf().all()
    for special in (np.nan, np.inf, -np.inf):
        a = np.zeros((m, k), "float32")
        a[m - 1, k - 1] = special
        found = (as_half(a, dtype) @ ones).float().numpy()
        assert np.array_equal(found[-1], np.full(n, special, "float32"), equal_nan=True) and not found[:-1].any()
        turned = (ones.mT @ as_half(a, dtype).mT).float().numpy()
        assert np.array_equal(turned.T, found, equal_nan=True)
    clash = as_half(np.full((m, k), np.inf, "float32"), dtype) @ (0 * ones)
    assert clash.isnan().all()
    zeros = as_half(np.full((m, k), -0.0, "float32"), dtype) @ ones
    assert not zeros.float().any() and not zeros.signbit().any()


def gradients(function, tensors, dtype):
    leaves = [fl.tensor(t).to(getattr(fl, dtype)).requires_grad_() for t in tensors]
    y = function(*leaves)
    weights = np.resize(np.array([1, -1, 0, 2, -2, 1, 0], "float32"), tuple(y.shape))
    y.backward(fl.tensor(weights).to(y.dtype))
    return [t.detach() for t in (y, *(leaf.grad for leaf in leaves))]


def check_conv(function, x, w, b, dtype, last=False):
    """Values and gradients are those of float32, rounded once: sums of small whole numbers."""

    def called(x, w, b):
        return function(
            x.to(memory_format=fl.channels_last if x.ndim == 4 else fl.channels_last_3d) if last else x, w, b
        )

    for found, expected in zip(
        gradients(called, (x, w, b), dtype), gradients(called, (x, w, b), "float32"), strict=True
    ):
        assert found.dtype == getattr(fl, dtype) and found.stride() == expected.stride()
        assert np.array_equal(found.float().numpy(), expected.to(found.dtype).float().numpy())


CHANNELS = [(8, 24, 1), (9, 33, 1), (64, 32, 1), (3, 5, 1), (16, 64, 2), (8, 8, 8)]
WINDOWS = [
    (3, 1, 1, 1),
    (1, 1, 0, 1),
    (3, 2, 1, 1),
    (2, 3, 0, 1),
    (3, 1, 2, 2),
    (1, 2, 0, 1),
    (5, 1, 2, 1),
]  # kernel, stride, padding, dilation
IMAGES = {1: (23,), 2: (9, 11), 3: (4, 5, 6)}


@both
@pytest.mark.parametrize("dims", IMAGES)
@pytest.mark.parametrize("channels", CHANNELS, ids=str)
def test_convolutions_are_exact(channels, dims, dtype):
    ci, co, groups = channels
    image = IMAGES[dims]
    for (k, stride, padding, dilation), last in itertools.product(WINDOWS, (False, True) if dims > 1 else (False,)):
        if dilation * (k - 1) >= min(image) + 2 * padding:
            continue
        x, b = whole(2, ci, *image), whole(co, high=9, seed=2)
        w = whole(co, ci // groups, *(k,) * dims, high=1, seed=1)
        conv = getattr(F, f"conv{dims}d")
        check_conv(lambda *t: conv(*t, stride, padding, dilation, groups), x, w, b, dtype, last)
        w = whole(ci, co // groups, *(k,) * dims, high=1, seed=1)
        turned = getattr(F, f"conv_transpose{dims}d")
        check_conv(lambda *t: turned(*t, stride, padding, stride - 1, groups, dilation), x, w, b, dtype, last)


@both
@pytest.mark.parametrize("last", [False, True])
def test_large_images_are_cut(last, dtype):
    for shape, channels, stride in [((1, 4, 1300, 450), 4, 1), ((1, 4, 1300, 450), 3, 2), ((30, 6, 90, 120), 5, 1)]:
        x, w, b = whole(*shape, high=1), whole(channels, shape[1], 3, 3, high=1, seed=1), whole(channels)
        check_conv(lambda *t: F.conv2d(*t, stride, 1), x, w, b, dtype, last)
    x, w, b = whole(1, 3, 500, 700, high=1), whole(3, 4, 3, 3, high=1, seed=1), whole(4)
    check_conv(lambda *t: F.conv_transpose2d(*t, 2, 0, 1), x, w, b, dtype, last)


def test_weights_of_any_layout():
    x, b = whole(2, 16, 9, 9), whole(32)
    for turn in (
        lambda w: w.mT,
        lambda w: w.to(memory_format=fl.channels_last),
        lambda w: w[:, :1].expand(32, 16, 3, 3),
    ):
        for dtype in HALVES:
            check_conv(lambda x, w, b: F.conv2d(x, turn(w), b), x, whole(32, 16, 3, 3, seed=1), b, dtype)


def digest():
    """Bits of products and convolutions whose sums depend on the order."""
    bits = hashlib.md5()
    for dtype in HALVES:
        half = getattr(fl, dtype)
        made = fl.Generator().manual_seed(0)
        for m, k, n in [(64, 64, 64), (100, 333, 77), (256, 3000, 100), (3, 500, 40)]:
            a, b = (fl.randn(*shape, generator=made).to(half) for shape in ((m, k), (n, k)))
            for right in (b.mT, b.mT.contiguous()):
                bits.update((a @ right).float().numpy().tobytes())
        for ci, co, k, stride, groups in [(16, 32, 3, 1, 1), (64, 64, 3, 2, 1), (32, 64, 1, 1, 1), (32, 32, 3, 1, 32)]:
            shapes = (3, ci, 14, 14), (co, ci // groups, k, k), (co,)
            leaves = [fl.randn(*shape, generator=made).to(half).requires_grad_() for shape in shapes]
            y = F.conv2d(*leaves, stride, k // 2, 1, groups)
            y.backward(fl.randn(*y.shape, generator=made).to(half))
            for t in (y.detach(), *(leaf.grad for leaf in leaves)):
                bits.update(t.float().numpy().tobytes())
    return bits.hexdigest()


def test_same_bits_for_any_number_of_threads():
    before = fl.get_num_threads()
    try:
        found = set()
        for threads in (1, 2, 3):
            fl.set_num_threads(threads)
            found.add(digest())
    finally:
        fl.set_num_threads(before)
    assert len(found) == 1


ROUNDING = """
import flambeau as fl
generator = fl.Generator().manual_seed(0)
for m, k, n in [(64, 64, 64), (100, 333, 77), (50, 3000, 40)]:
    a, b = fl.rand(m, k, generator=generator).bfloat16(), fl.rand(k, n, generator=generator).bfloat16()
    print(*(a @ b).view(fl.int16).flatten().tolist())
"""


def run_with(isa, *command):
    """What a command prints with the kernels of one instruction set, None where this build or machine lacks it."""
    environment = {**os.environ, "FLAMBEAU_ISA": isa}
    if subprocess.run(
        [sys.executable, "-c", "import flambeau; flambeau._C.cpu_isa()"], env=environment, capture_output=True
    ).returncode:
        return None
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_all_instruction_sets_round_alike():
    found = [
        run_with(isa, "-c", ROUNDING) for isa in ("baseline", "avx2", "avx512", "avx512bf16", "avx512bf16-emulated")
    ]
    values = [np.array(text.split(), int) for text in found if text]
    for other in values[1:]:
        assert abs(values[0] - other).max() <= 1  # neighbours, where float32 sums differ at all


def test_pairs():
    run_with("avx512bf16-emulated", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", __file__, "-k",
             "not instruction_sets and not pairs")  # fmt: skip
