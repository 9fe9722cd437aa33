"""Times chosen ops and training steps, beside torch where it is installed.

    python benchmarks/cases.py [PATTERN] [--threads 1,2] [--rounds 9]

PATTERN is a regular expression on the cases' names ("group/name"). Each figure is the best of several blocks of
calls. The ratio is torch's time divided by flambeau's: above 1 is faster.
"""

import argparse
import re

from timing import by_turns, geometric_mean, libraries, readable

CASES = {}


def case(name):
    """Register a function of the library that prepares a call and returns it."""

    def register(prepare):
        CASES[name] = prepare
        return prepare

    return register


def add_simple(name, shapes, call, grad=False):
    """A case whose call takes random tensors of these shapes."""

    def prepare(lib):
        lib.manual_seed(0)
        inputs = [lib.randn(*shape).requires_grad_(grad) for shape in shapes]
        return lambda: call(lib, *inputs)

    CASES[name] = prepare


def add_backward(name, shapes, call):
    """Forward and backward of a call, gradients of all inputs."""

    def prepare(lib):
        lib.manual_seed(0)
        inputs = [lib.randn(*shape).requires_grad_() for shape in shapes]
        weight = lib.ones_like(call(lib, *inputs))
        return lambda: lib.autograd.grad(call(lib, *inputs), inputs, weight)

    CASES[name] = prepare


def define_small():
    four = (4, 4)
    add_simple("small/add", [four, four], lambda lib, a, b: a + b)
    add_simple("small/add with grad", [four, four], lambda lib, a, b: a + b, grad=True)
    add_simple("small/exp", [four], lambda lib, a: lib.exp(a))
    add_simple("small/sum", [four], lambda lib, a: a.sum())
    add_simple("small/matmul", [four, four], lambda lib, a, b: a @ b)
    add_simple("small/index", [four], lambda lib, a: a[1])
    add_simple("small/reshape", [four], lambda lib, a: a.reshape(16))
    add_simple("small/linear", [(1, 16), (16, 16), (16,)], lambda lib, x, w, b: lib.nn.functional.linear(x, w, b))
    add_backward("small/mul backward", [four, four], lambda lib, a, b: a * b)


def define_pointwise():
    for label, n in (("1M", 1 << 20), ("16M", 1 << 24)):
        add_simple(f"pointwise/add {label}", [(n,), (n,)], lambda lib, a, b: a + b)
        add_simple(f"pointwise/exp {label}", [(n,)], lambda lib, a: a.exp())
        add_simple(f"pointwise/gelu {label}", [(n,)], lambda lib, a: lib.nn.functional.gelu(a))
        add_simple(f"pointwise/tanh {label}", [(n,)], lambda lib, a: a.tanh())
        rows = (n // 1024, 1024)
        add_simple(f"pointwise/add row {label}", [rows, (1024,)], lambda lib, a, b: a + b)
        add_simple(f"reduce/sum {label}", [rows], lambda lib, a: a.sum())
        add_simple(f"reduce/sum dim 0 {label}", [rows], lambda lib, a: a.sum(0))
        add_simple(f"reduce/amax dim 1 {label}", [rows], lambda lib, a: a.amax(1))
        add_simple(f"reduce/softmax {label}", [rows], lambda lib, a: a.softmax(1))
        add_simple(f"reduce/layer_norm {label}", [rows], lambda lib, a: lib.nn.functional.layer_norm(a, (1024,)))


def define_matmul():
    for m, k, n in (
        (64, 64, 64),
        (256, 256, 256),
        (512, 512, 512),
        (1024, 1024, 1024),
        (128, 784, 128),
        (32, 4096, 1024),
    ):
        add_simple(f"matmul/{m}x{k}x{n}", [(m, k), (k, n)], lambda lib, a, b: a @ b)
    add_simple("matmul/batched 32x128x64x128", [(32, 128, 64), (32, 64, 128)], lambda lib, a, b: a @ b)
    add_simple("matmul/a @ b.T 512", [(512, 512), (512, 512)], lambda lib, a, b: a @ b.t())
    add_backward("matmul/linear backward", [(128, 512), (512, 512), (512,)],
                 lambda lib, x, w, b: lib.nn.functional.linear(x, w, b))  # fmt: skip
    heads = (4, 8, 128, 64)
    add_backward("matmul/attention backward", [heads, heads, heads],
                 lambda lib, q, k, v: lib.nn.functional.scaled_dot_product_attention(q, k, v))  # fmt: skip


def define_convolution():
    layers = {
        "3x3 64 56": ((8, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
        "3x3 128 28 stride 2": ((8, 128, 28, 28), (128, 128, 3, 3), {"padding": 1, "stride": 2}),
        "1x1 256 14": ((8, 256, 14, 14), (256, 256, 1, 1), {}),
        "7x7 stem": ((4, 3, 112, 112), (64, 3, 7, 7), {"padding": 3, "stride": 2}),
        "depthwise 3x3": ((8, 64, 56, 56), (64, 1, 3, 3), {"padding": 1, "groups": 64}),
    }
    for label, (x, w, options) in layers.items():

        def convolve(lib, a, b, options=options):
            return lib.nn.functional.conv2d(a, b, **options)

        add_simple(f"conv/{label}", [x, w], convolve)
        add_backward(f"conv/{label} backward", [x, w], convolve)


def training_step(lib, model, optimizer, x, y):
    def step():
        loss = lib.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


@case("train/mlp 784-128-10")
def mlp(lib):
    lib.manual_seed(0)
    nn = lib.nn
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = lib.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training_step(lib, model, optimizer, lib.randn(64, 784), lib.randint(0, 10, (64,)))


@case("train/cnn 3-32-64")
def cnn(lib):
    lib.manual_seed(0)
    nn = lib.nn
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 8 * 8, 10),
    )  # fmt: skip
    optimizer = lib.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training_step(lib, model, optimizer, lib.randn(32, 3, 32, 32), lib.randint(0, 10, (32,)))


def measure(pattern, threads, rounds):
    """Print one line per case; return the ratios by group."""
    ratios = {}
    found = libraries(("flambeau", "torch"), threads)
    for name, prepare in CASES.items():
        if not re.search(pattern, name):
            continue
        best = by_turns({lib: prepare(module) for lib, module in found.items()}, rounds)
        line = f"threads {threads}  {name:34s} {readable(best['flambeau'])}"
        if "torch" in best:
            ratio = best["torch"] / best["flambeau"]
            ratios.setdefault(name.split("/")[0], []).append(ratio)
            line += f"   torch {readable(best['torch'])}   {ratio:6.2f}x"
        print(line, flush=True)
    return ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", nargs="?", default="")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    define_small()
    define_pointwise()
    define_matmul()
    define_convolution()
    for threads in map(int, options.threads.split(",")):
        for group, ratios in measure(options.pattern, threads, options.rounds).items():
            print(
                f"{threads} thread{'s' * (threads > 1)}  {group}: geometric mean {geometric_mean(ratios):.2f}x of torch"
            )


if __name__ == "__main__":
    main()
