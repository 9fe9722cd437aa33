"""Misuses: each ends in torch's exception class (or one derived from it), with a message that says what is wrong.

Under FLAMBEAU_IMPL=torch only the classes are checked: that is how the table was made.
"""

import io
import os
import subprocess
import sys

import pytest

from tests.frame import fl

nn, F = fl.nn, fl.nn.functional
LIKE_TORCH = os.environ.get("FLAMBEAU_IMPL", "flambeau") == "flambeau"


def leaf(*shape, dtype=fl.float32):
    return fl.ones(*shape, dtype=dtype, requires_grad=True)


def saved_then_changed():
    x = leaf(3)
    y = x.exp()
    y.mul_(2)
    y.sum().backward()


def backward_twice():
    loss = (leaf(3) ** 2).sum()
    loss.backward()
    loss.backward()


def view_of_leaf_changed():
    leaf(3)[0].fill_(1.0)


def inference_tensor_saved():
    with fl.inference_mode():
        x = fl.ones(3)
    (leaf(3) * x).sum().backward()


def closed_file():
    file = io.BytesIO()
    fl.save({"x": fl.ones(3)}, file)
    file.close()
    fl.load(file)


def truncated_checkpoint():
    file = io.BytesIO()
    fl.save({"x": fl.ones(300)}, file)
    fl.load(io.BytesIO(file.getvalue()[:-200]))


def wrong_state(change):
    def load():
        state = nn.Linear(3, 4).state_dict()
        change(state)
        nn.Linear(3, 4).load_state_dict(state)

    return load


def unused_input():
    x, y = leaf(2), leaf(2)
    fl.autograd.grad(x.sum(), [x, y])


def non_leaf_flag():
    y = leaf(2) * 2
    y.requires_grad = False


# name: (call, exception class, pattern of the message)
MISUSES = {
    # shapes
    "add shapes": (lambda: fl.ones(2, 3) + fl.ones(4), RuntimeError, r"\[add\].*\(2, 3\).*\(4,\)"),
    "in-place broadcast": (lambda: fl.ones(3).add_(fl.ones(2, 3)), RuntimeError, r"\[add_?\].*\(2, 3\)"),
    "matmul shapes": (lambda: fl.ones(2, 3) @ fl.ones(4, 5), RuntimeError, r"\[matmul\].*\(2, 3\).*\(4, 5\)"),
    "bmm of matrices": (lambda: fl.bmm(fl.ones(2, 3), fl.ones(3, 2)), RuntimeError, r"\[bmm\].*3"),
    "linear features": (lambda: nn.Linear(128, 10)(fl.ones(32, 64)), RuntimeError, r"\[linear\].*64.*128"),
    "conv channels": (lambda: nn.Conv2d(3, 8, 3)(fl.ones(1, 4, 9, 9)), RuntimeError, r"\[conv2d\].*channels"),
    "conv kernel too large": (lambda: nn.Conv2d(1, 1, 5)(fl.ones(1, 1, 3, 3)), RuntimeError, r"\[conv2d\].*[Kk]ernel"),
    "conv groups": (lambda: F.conv2d(fl.ones(1, 3, 5, 5), fl.ones(4, 1, 3, 3), groups=2), RuntimeError, r"groups"),
    "pool of a vector": (lambda: F.max_pool2d(fl.ones(5), 2), RuntimeError, r"\[max_pool2d\]"),
    "cat shapes": (lambda: fl.cat([fl.ones(2, 3), fl.ones(2, 4)]), RuntimeError, r"\[cat\].*\(2, 3\).*\(2, 4\)"),
    "cat of nothing": (lambda: fl.cat([]), (RuntimeError, ValueError), r"\[cat\].*empty|at least one"),
    "stack shapes": (lambda: fl.stack([fl.ones(2), fl.ones(3)]), RuntimeError, r"\[stack\].*2.*3"),
    "view size": (lambda: fl.ones(6).view(4, 2), RuntimeError, r"\[view\].*\(4, 2\).*6"),
    "view of strided": (lambda: fl.ones(2, 3).t().view(6), RuntimeError, r"\[view\].*reshape"),
    "two unknown dims": (lambda: fl.ones(6).reshape(-1, -1), RuntimeError, r"-1"),
    "expand": (lambda: fl.ones(2, 3).expand(2, 4), RuntimeError, r"\[expand\].*\(2, 4\).*\(2, 3\)"),
    "layer_norm shape": (lambda: nn.LayerNorm(4)(fl.ones(2, 3)), RuntimeError, r"\[layer_norm\].*4"),
    "batch_norm features": (lambda: nn.BatchNorm1d(4)(fl.ones(2, 3)), RuntimeError, r"\[batch_norm\].*4"),
    "batch_norm rank": (lambda: nn.BatchNorm2d(4)(fl.ones(2, 4)), ValueError, r"4D|4-D|4 dim"),
    "target count": (
        lambda: F.cross_entropy(fl.ones(3, 5), fl.tensor([0, 1])),
        ValueError,
        r"batch_size \(3\).*batch_size \(2\)",
    ),
    "item of many": (lambda: fl.ones(3).item(), RuntimeError, r"3 elements|\(3,\)"),
    "truth of many": (lambda: bool(fl.ones(3)), RuntimeError, r"ambiguous|any\(\)"),
    "len of 0-dim": (lambda: len(fl.tensor(1.0)), TypeError, r"0-d"),
    "iteration over 0-dim": (lambda: list(fl.tensor(1.0)), TypeError, r"0-d"),
    "ragged list": (lambda: fl.tensor([[1, 2], [3]]), ValueError, r"2.*1|length"),
    "copy shape": (lambda: fl.zeros(3).copy_(fl.ones(4)), RuntimeError, r"\(3,\).*\(4,\)|\(4,\).*\(3,\)"),
    "masked_select shape": (lambda: fl.ones(3)[fl.ones(4, dtype=fl.bool)], IndexError, r"4.*3|3.*4"),
    # dtypes
    "float into int": (lambda: fl.ones(3, dtype=fl.int32).add_(1.5), RuntimeError, r"Float.*Int"),
    "gradient of ints": (lambda: fl.ones(3, dtype=fl.int64).requires_grad_(), RuntimeError, r"floating"),
    "created ints with gradient": (lambda: fl.ones(3, dtype=fl.int64, requires_grad=True), RuntimeError, r"floating"),
    "bitwise on floats": (lambda: fl.ones(3) & fl.ones(3), RuntimeError, r"\[(bitwise_)?and\]|bitwise_and"),
    "matmul dtypes": (lambda: fl.ones(2, 2) @ fl.ones(2, 2, dtype=fl.float64), RuntimeError, r"float32.*float64"),
    "mean of ints": (lambda: fl.ones(3, dtype=fl.int64).mean(), RuntimeError, r"\[mean\].*Long"),
    "float index": (lambda: fl.ones(3)[fl.ones(1)], IndexError, r"float32|long|int64"),
    "embedding of floats": (lambda: nn.Embedding(3, 2)(fl.ones(2)), RuntimeError, r"\[embedding\].*Float"),
    "bool minus bool": (lambda: fl.ones(2, dtype=fl.bool) - fl.ones(2, dtype=fl.bool), RuntimeError, r"Bool.*"),
    "text": (lambda: fl.tensor("abc"), (TypeError, ValueError), r"str"),
    "out dtype": (lambda: fl.exp(fl.ones(2), out=fl.zeros(2, dtype=fl.int64)), RuntimeError, r"float32.*int64"),
    "number for int8": (lambda: fl.zeros(2, dtype=fl.int8).fill_(300), RuntimeError, r"\[fill_\].*300.*int8"),
    "mask of halves": (lambda: fl.zeros(2).half().masked_fill(fl.ones(2).bool(), -1e9), RuntimeError, r"float16"),
    "NaN for an int": (lambda: fl.zeros(2, dtype=fl.int32).fill_(float("nan")), RuntimeError, r"\[fill_\].*nan"),
    "negative for uint8": (lambda: fl.full((1,), -1.5, dtype=fl.uint8), RuntimeError, r"\[full\]"),
    "70 bits to fill": (lambda: fl.zeros(2).fill_(2**70), OverflowError, r"too big"),
    "70 bits in full": (lambda: fl.full((2,), 2**70), OverflowError, r"too big"),
    "70 bits in arange": (lambda: fl.arange(2**70), OverflowError, r"bits"),
    "70 bits for a mask": (lambda: fl.zeros(1).masked_fill(fl.ones(1).bool(), 2**70), OverflowError, r"too big"),
    "70 bits in pow": (lambda: fl.ones(2).pow(2**70), OverflowError, r"too big"),
    "70 bits in where": (lambda: fl.where(fl.tensor([True]), 2**70, 1), OverflowError, r"too big"),
    "70 bits in lerp": (lambda: fl.ones(2).lerp(fl.ones(2), 2**70), OverflowError, r"too big"),
    "70 bits in fmod": (lambda: fl.fmod(fl.tensor([1]), 2**70), OverflowError, r"too big"),
    "complex order": (lambda: fl.ones(2, dtype=fl.complex64) < 1, RuntimeError, r"[Cc]omplex"),
    # indices and dims
    "dim too large": (lambda: fl.ones(2, 3).sum(dim=2), IndexError, r"\[sum\].*2"),
    "dim twice": (lambda: fl.ones(2, 3).sum(dim=(0, 0)), RuntimeError, r"\[sum\]"),
    "permute": (lambda: fl.ones(2, 3).permute(0, 0), RuntimeError, r"\[permute\]"),
    "integer index": (lambda: fl.ones(3)[3], IndexError, r"3.*size 3|3.*\(3,\)"),
    "too many indices": (lambda: fl.ones(3)[0, 0], IndexError, r"too many|2 indices"),
    "negative step": (lambda: fl.ones(3)[::-1], ValueError, r"\[index\] step must be greater than zero"),
    "tensor index": (lambda: fl.ones(3)[fl.tensor([0, 5])], IndexError, r"5.*size 3"),
    "index_select": (lambda: fl.ones(3).index_select(0, fl.tensor([7])), IndexError, r"\[index_select\].*7"),
    "gather": (lambda: fl.ones(3).gather(0, fl.tensor([-4])), RuntimeError, r"\[gather\].*-4"),
    "scatter": (lambda: fl.ones(3).scatter(0, fl.tensor([3]), 1.0), RuntimeError, r"\[scatter\].*3"),
    "embedding index": (lambda: nn.Embedding(3, 2)(fl.tensor([3])), IndexError, r"\[embedding\].*3"),
    "class index": (lambda: F.cross_entropy(fl.ones(1, 3), fl.tensor([3])), IndexError, r"3"),
    "topk too large": (lambda: fl.ones(3).topk(4), RuntimeError, r"\[topk\].*4"),
    "narrow": (lambda: fl.ones(3).narrow(0, 2, 2), RuntimeError, r"\[narrow\]|start"),
    "split sizes": (lambda: fl.ones(5).split([2, 2]), RuntimeError, r"5"),
    "argmax of nothing": (lambda: fl.ones(0).argmax(), IndexError, r"\[argmax\]"),
    "amax of nothing": (lambda: fl.ones(0).amax(), RuntimeError, r"\[amax\]"),
    # autograd
    "backward twice": (backward_twice, RuntimeError, r"retain_graph"),
    "saved, then changed": (saved_then_changed, RuntimeError, r"exp.*mul_|inplace|in-place"),
    "backward of a vector": (lambda: (leaf(3) * 2).backward(), RuntimeError, r"scalar"),
    "backward without graph": (lambda: fl.ones(3).sum().backward(), RuntimeError, r"require"),
    "leaf in place": (lambda: leaf(3).add_(1), RuntimeError, r"leaf"),
    "view of leaf in place": (view_of_leaf_changed, RuntimeError, r"leaf"),
    "unused input": (unused_input, RuntimeError, r"allow_unused"),
    "non-leaf flag": (non_leaf_flag, RuntimeError, r"leaf"),
    "inference tensor": (inference_tensor_saved, RuntimeError, r"[Ii]nference"),
    "numpy with gradient": (lambda: leaf(3).numpy(), RuntimeError, r"detach"),
    "gradient shape": (lambda: (leaf(3) * 2).backward(fl.ones(4)), RuntimeError, r"\(4,\).*\(3,\)|\(3,\).*\(4,\)"),
    # devices
    "device without hardware": (lambda: fl.zeros(3, device="cuda"), (RuntimeError, AssertionError), r"cuda"),
    "unknown device": (lambda: fl.device("toaster"), RuntimeError, r"toaster"),
    "to a missing device": (lambda: fl.zeros(3).to("cuda:1"), (RuntimeError, AssertionError), r"cuda"),
    # files
    "closed file": (closed_file, ValueError, r"closed"),
    "truncated checkpoint": (truncated_checkpoint, (RuntimeError, EOFError), r"truncated|corrupt|end"),
    "no checkpoint": (lambda: fl.load(io.BytesIO(b"not a checkpoint")), Exception, r""),
    "missing file": (lambda: fl.load("/nonexistent/file.pt"), FileNotFoundError, r"file.pt"),
    "missing key": (wrong_state(lambda s: s.pop("bias")), RuntimeError, r"Missing.*bias"),
    "unexpected key": (wrong_state(lambda s: s.update(extra=s["bias"])), RuntimeError, r"Unexpected.*extra"),
    "key's shape": (wrong_state(lambda s: s.update(bias=fl.ones(7))), RuntimeError, r"(?s)bias.*7"),
    # sizes and values
    "NaN size": (lambda: fl.zeros(float("nan")), TypeError, r"float"),
    "fractional size": (lambda: fl.zeros(2.5), TypeError, r"float"),
    "negative size": (lambda: fl.zeros(-1), RuntimeError, r"-1"),
    "huge size": (lambda: fl.zeros(1 << 61), RuntimeError, r"[\d_,. ]+|memory"),
    "huge product": (lambda: fl.zeros(1 << 40, 1 << 40), RuntimeError, r""),
    "huge expansion": (lambda: fl.zeros(1).expand(1 << 40).contiguous(), RuntimeError, r"memory|bytes"),
    "step zero": (lambda: fl.arange(0, 1, 0), RuntimeError, r"\[arange\].*(zero|0)"),
    "endless range": (lambda: fl.arange(0, float("inf")), RuntimeError, r"\[arange\]"),
    "NaN range": (lambda: fl.arange(0, float("nan")), RuntimeError, r"\[arange\]"),
    "range backwards": (lambda: fl.arange(3, 0), RuntimeError, r"\[arange\]"),
    "linspace steps": (lambda: fl.linspace(0, 1, -1), RuntimeError, r"\[linspace\].*-1"),
    "randint bounds": (lambda: fl.randint(5, 5, (2,)), RuntimeError, r"\[(randint|random_)\].*5"),
    "negative deviation": (lambda: fl.ones(3).normal_(0, -1), RuntimeError, r"\[normal_?\].*-1"),
    "probability": (lambda: F.dropout(fl.ones(3), 2.0), ValueError, r"2\.0"),
    "bernoulli probability": (lambda: fl.bernoulli(fl.tensor([1.5])), RuntimeError, r"\[bernoulli\]"),
    "multinomial weights": (lambda: fl.multinomial(fl.tensor([-1.0, 2.0]), 1), RuntimeError, r"\[multinomial\]"),
    "einsum letters": (lambda: fl.einsum("ij,jk->il", fl.ones(2, 2), fl.ones(2, 2)), RuntimeError, r"l"),
    # modules, optimizers, data
    "learning rate": (lambda: fl.optim.SGD([leaf(2)], lr=-1.0), ValueError, r"-1"),
    "no parameters": (lambda: fl.optim.SGD([], lr=0.1), ValueError, r"empty"),
    "numbers as parameters": (lambda: fl.optim.SGD([1.0], lr=0.1), TypeError, r"float"),
    "non-leaf parameter": (lambda: fl.optim.SGD([leaf(2) * 2], lr=0.1), ValueError, r"leaf"),
    "unknown keyword": (lambda: nn.Linear(2, 2, colour=1), TypeError, r"colour"),
    "missing attribute": (lambda: nn.Linear(2, 2).nothing, AttributeError, r"nothing"),
    "batch size": (lambda: fl.utils.data.DataLoader([1, 2], batch_size=0), ValueError, r"batch_size"),
    "dataset sizes": (lambda: fl.utils.data.TensorDataset(fl.ones(2), fl.ones(3)), AssertionError, r""),
    "heads": (lambda: nn.MultiheadAttention(5, 2), AssertionError, r"") if hasattr(nn, "MultiheadAttention") else None,
    "forward missing": (lambda: nn.Module()(1), NotImplementedError, r"forward"),
}
CASES = {name: case for name, case in MISUSES.items() if case is not None}


@pytest.mark.parametrize("name", CASES)
def test_misuse(name):
    call, expected, pattern = CASES[name]
    with pytest.raises(expected) as caught:
        call()
    if LIKE_TORCH:
        caught.match(pattern)


# What random calls beside torch found: the class of the error that torch raises.
FOUND = {
    "rot90 of a dim that is not there": (lambda: fl.rot90(fl.ones(2, 1, 4), 1, (4, 0)), IndexError),
    "negative output padding": (
        lambda: fl.convolution(fl.ones(1, 2, 5), fl.ones(3, 2, 3), None, [1], [1], [1], False, [-2], 1),
        RuntimeError,
    ),
    "a transposed kernel without elements": (
        lambda: fl.convolution(fl.ones(1, 2, 5), fl.ones(2, 3, 0), None, [2], [1], [1], True, [1], 1),
        RuntimeError,
    ),
    "max_pool1d padding, whatever the dilation": (
        lambda: fl.nn.functional.max_pool1d(fl.ones(1, 1, 7), 2, 1, 2, 3),
        RuntimeError,
    ),
    "targets of another batch": (
        lambda: fl.nn.functional.cross_entropy(fl.ones(4, 5), fl.ones(5, 5), label_smoothing=0.1),
        ValueError,
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_classes_that_the_fuzzer_found(name):
    call, error = FOUND[name]
    with pytest.raises(error):
        call()


def test_the_core_form_of_affine_grid_takes_no_channels():
    assert fl.affine_grid_generator(fl.ones(2, 2, 3), (2, 0, 3, 4), False).shape == (2, 3, 4, 2)


def test_enough_misuses():
    assert len(CASES) >= 100


HUGE = {
    "add": lambda n: fl.ones(2) + n,
    "radd": lambda n: n + fl.ones(2),
    "method": lambda n: fl.ones(2).add(n),
    "pow": lambda n: fl.ones(2).pow(n),
    "eq": lambda n: fl.eq(fl.ones(2), n),
    "fill_": lambda n: fl.ones(2).fill_(n),
    "full": lambda n: fl.full((2,), n),
    "where": lambda n: fl.where(fl.ones(2) > 0, n, 1),
    "result_type": lambda n: fl.result_type(fl.ones(2), n),
    "tensor": lambda n: fl.tensor(n),
    "list": lambda n: fl.tensor([1, n]),
    "index": lambda n: fl.ones(2)[n],
    "assignment": lambda n: fl.ones(2).__setitem__(0, n),
    "size": lambda n: fl.zeros(n),
    "sizes": lambda n: fl.zeros((2, n)),
    "view": lambda n: fl.ones(2).view(n),
    "dim": lambda n: fl.ones(2).sum(dim=n),
    "select": lambda n: fl.ones(2).select(0, n),
    "randint": lambda n: fl.randint(0, n, (2,)),
    "transpose": lambda n: fl.ones(2, 2).transpose(0, n),
    "topk": lambda n: fl.ones(2).topk(n),
}


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("number", [1 << 70, -(1 << 70), 10**400], ids=["2^70", "-2^70", "10^400"])
def test_integer_beyond_64_bits(name, number):
    with pytest.raises((OverflowError, TypeError, ValueError, RuntimeError, IndexError)):
        HUGE[name](number)


def test_integer_of_65_bits_with_floats():
    assert (fl.ones(2) * 2**63).tolist() == [2.0**63] * 2


def test_message_is_one_story():
    """Messages of ops start with the op's tag and end without a stack of native frames."""
    with pytest.raises(RuntimeError) as caught:
        nn.Linear(128, 10)(fl.ones(32, 64))
    if LIKE_TORCH:
        text = str(caught.value)
        assert text.startswith("[linear] ") and "(32, 64)" in text and "(10, 128)" in text and "float32" in text


DEEP = """
import {name} as fl
x = fl.ones(1, requires_grad=True)
y = x
for _ in range(200_000):
    y = y + 1
y.sum().backward()
assert x.grad.item() == 1.0
del y
z = x
for _ in range(200_000):
    z = z * 1.0
del z
print("fine")
"""


def test_deep_graphs_do_not_overflow_the_stack():
    code = DEEP.format(name=fl.__name__)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert result.stdout.strip() == "fine", result.stderr[-500:]


def test_numbers_that_are_none():
    """A parameter of a pointwise op that is no number."""
    for wrong in ((1, 2), "1", object()):
        with pytest.raises(TypeError, match="expected a number"):
            fl.ones(2).clamp(min=wrong)
