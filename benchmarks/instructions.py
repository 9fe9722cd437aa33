"""Instructions per call of small ops, counted by valgrind: the same figure whatever else the machine does.

python benchmarks/instructions.py [PATTERN] [--where] [--against FILE] [--json FILE]
python benchmarks/instructions.py [PATTERN] --times

Each snippet runs N times and 3 N times in one process; callgrind begins a new count at every call of getppid, which
nothing else makes. A figure is the difference of the two counts per call, so what is around the loop drops out.
--times measures instead, next to PyTorch, by turns in one process, one thread: the best of many short blocks.
--where shows the functions in which one snippet's instructions are. Valgrind knows AVX2 at most, so the extension has
to hold other kernels than those of AVX-512: `./dev build --all-isas`.
"""

import argparse
import collections
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CALLS, WARM_UP = 20, 40  # the interpreter specialises a function in its first calls
TOP = 60  # lines of --where
BLOCK, TURNS = 0.002, 15  # seconds, and how often, of --times

# name: (set-up, what is counted).
SNIPPETS = {
    "nothing": ("", "pass"),
    # one op
    "add": ("a, b = fl.ones(4, 4), fl.ones(4, 4)", "a + b"),
    "add a number": ("a = fl.ones(4, 4)", "a + 1.5"),
    "fl.add": ("a, b = fl.ones(4, 4), fl.ones(4, 4)", "fl.add(a, b)"),
    "add a row": ("a, b = fl.ones(4, 4), fl.ones(4)", "a + b"),
    "add_": ("a, b = fl.ones(4, 4), fl.zeros(4, 4)", "a.add_(b)"),
    "+=": ("a, b = fl.ones(4, 4), fl.zeros(4, 4)", "a += b"),
    "relu": ("a = fl.ones(4, 4)", "a.relu()"),
    "F.relu": ("a = fl.ones(4, 4); F = fl.nn.functional", "F.relu(a)"),
    "neg": ("a = fl.ones(4, 4)", "-a"),
    "view": ("a = fl.ones(4, 4)", "a.view(2, 8)"),
    "t": ("a = fl.ones(4, 4)", "a.t()"),
    "index": ("a = fl.ones(4, 4)", "a[2]"),
    "index pair": ("a = fl.ones(4, 4)", "a[1:3, 0]"),
    "index tensor": ("a, i = fl.ones(4, 4), fl.arange(2)", "a[i]"),
    "index two tensors": ("a, i = fl.ones(4, 4), fl.arange(2)", "a[i, i]"),
    "set item": ("a = fl.ones(4, 4)", "a[1] = 2.0"),
    "set items": ("a, i = fl.ones(4, 4), fl.arange(2)", "a[i] = 2.0"),
    "flatten": ("a = fl.ones(4, 4)", "a.flatten()"),
    "movedim": ("a = fl.ones(4, 4)", "a.movedim(0, 1)"),
    "chunk": ("a = fl.ones(4, 4)", "a.chunk(2, dim=1)"),
    "detach": ("a = fl.ones(4, 4)", "a.detach()"),
    "clone": ("a = fl.ones(4, 4)", "a.clone()"),
    "to dtype": ("a = fl.ones(4, 4)", "a.to(fl.float64)"),
    "to device": ("a = fl.ones(4, 4)", "a.to('cpu')"),
    "device": ("a = fl.ones(4, 4)", "a.device"),
    "equal": ("a = fl.ones(4, 4)", "fl.equal(a, a)"),
    "clamp": ("a = fl.ones(4, 4)", "a.clamp(min=0)"),
    "max": ("a = fl.ones(4, 4)", "a.max()"),
    "sum": ("a = fl.ones(4, 4)", "a.sum()"),
    "sum a dim": ("a = fl.ones(4, 4)", "a.sum(1)"),
    "mean": ("a = fl.ones(4, 4)", "a.mean()"),
    "argmax": ("a = fl.ones(1, 2)", "a.argmax(1)"),
    "matmul": ("a, b = fl.ones(4, 4), fl.ones(4, 4)", "a @ b"),
    "addmm": ("a, b = fl.ones(4, 4), fl.ones(4, 4)", "fl.addmm(a, a, b)"),
    "dot": ("a, b = fl.ones(4), fl.ones(4)", "a.dot(b)"),
    "outer": ("a, b = fl.ones(4), fl.ones(4)", "fl.outer(a, b)"),
    "einsum": ("a, b = fl.ones(4, 4), fl.ones(4, 4)", "fl.einsum('ij,jk->ik', a, b)"),
    "zeros": ("", "fl.zeros(4, 4)"),
    "ones": ("", "fl.ones(4, 4)"),
    "full": ("", "fl.full((4, 4), 2.0)"),
    "arange": ("", "fl.arange(10)"),
    "rand": ("", "fl.rand(4, 4)"),
    "randn": ("", "fl.randn(4, 4)"),
    "randint": ("", "fl.randint(0, 10, (4, 4))"),
    "zeros_like": ("a = fl.ones(4, 4)", "fl.zeros_like(a)"),
    "randn_like": ("a = fl.ones(4, 4)", "fl.randn_like(a)"),
    "new_zeros": ("a = fl.ones(4, 4)", "a.new_zeros(4, 4)"),
    "empty": ("", "fl.empty(4, 4)"),
    "tensor": ("rows = [[1.0] * 4] * 4", "fl.tensor(rows)"),
    "from_numpy": ("import numpy; x = numpy.ones((1, 4), 'f')", "fl.from_numpy(x)"),
    "item": ("a = fl.ones(1)", "a.item()"),
    "shape": ("a = fl.ones(4, 4)", "a.shape"),
    "cat": ("a, b = fl.ones(4, 4), fl.ones(4, 4)", "fl.cat([a, b])"),
    "stack": ("a, b = fl.ones(4, 4), fl.ones(4, 4)", "fl.stack([a, b])"),
    # one op that is recorded
    "add, recorded": ("a, b = fl.ones(4, 4, requires_grad=True), fl.ones(4, 4)", "a + b"),
    "mul, recorded": ("a, b = fl.ones(4, 4, requires_grad=True), fl.ones(4, 4)", "a * b"),
    "relu, recorded": ("a = fl.ones(4, 4, requires_grad=True)", "a.relu()"),
    "view, recorded": ("a = fl.ones(4, 4, requires_grad=True)", "a.view(2, 8)"),
    "sum, recorded": ("a = fl.ones(4, 4, requires_grad=True)", "a.sum()"),
    "matmul, recorded": ("a, b = fl.ones(4, 4, requires_grad=True), fl.ones(4, 4)", "a @ b"),
    # layers
    "Linear": ("m, x = fl.nn.Linear(16, 16), fl.ones(1, 16)", "m(x)"),
    "Linear, no grad": ("m, x = fl.nn.Linear(16, 16).requires_grad_(False), fl.ones(1, 16)", "m(x)"),
    "ReLU": ("m, x = fl.nn.ReLU(), fl.ones(1, 16)", "m(x)"),
    "Sequential": ("m, x = fl.nn.Sequential(fl.nn.Identity(), fl.nn.Identity()), fl.ones(1, 16)", "m(x)"),
    "RNNCell": ("m, x, h = fl.nn.RNNCell(16, 32), fl.ones(4, 16), fl.ones(4, 32)", "m(x, h)"),
    "no_grad": ("", "with fl.no_grad(): pass"),
    "mse_loss": ("x, y = fl.ones(4, 4), fl.ones(4, 4)", "fl.nn.functional.mse_loss(x, y)"),
    "cross_entropy": ("x, y = fl.ones(4, 10), fl.arange(4)", "fl.nn.functional.cross_entropy(x, y)"),
    "nll_loss": ("x, y = fl.ones(4, 10), fl.arange(4)", "fl.nn.functional.nll_loss(x, y)"),
    "binary_cross_entropy": ("x, y = fl.ones(4, 1), fl.ones(4, 1)", "fl.nn.functional.binary_cross_entropy(x, y)"),
    "softmax": ("x = fl.ones(4, 4)", "fl.nn.functional.softmax(x, dim=-1)"),
    "layer_norm": ("x, w = fl.ones(4, 4), fl.ones(4)", "fl.nn.functional.layer_norm(x, (4,), w, w)"),
    "BatchNorm1d": ("m, x = fl.nn.BatchNorm1d(4), fl.ones(4, 4)", "m(x)"),
    "dropout": ("x = fl.ones(4, 4)", "fl.nn.functional.dropout(x, 0.5)"),
    "embedding": ("w, i = fl.ones(10, 4), fl.arange(4)", "fl.nn.functional.embedding(i, w)"),
    "parameters": ("m = NET()", "list(m.parameters())"),
    "state_dict": ("m = NET()", "m.state_dict()"),
    # backward passes and optimizers
    "backward of a sum": ("a = fl.ones(4, 4, requires_grad=True)", "a.sum().backward()"),
    "chain of 10, backward": (
        "x, f = fl.ones(4, 4, requires_grad=True), fl.ones(4, 4)",
        "y = x\nfor _ in range(10): y = y * f\ny.sum().backward(); x.grad = None",
    ),
    "zero_grad": ("m = NET(); o = fl.optim.SGD(m.parameters(), lr=0.1)", "o.zero_grad()"),
    "SGD step": ("m = NET(); o = fl.optim.SGD(m.parameters(), lr=0.1); GRADS(m)", "o.step()"),
    "SGD momentum step": ("m = NET(); o = fl.optim.SGD(m.parameters(), lr=0.1, momentum=0.9); GRADS(m)", "o.step()"),
    "Adam step": ("m = NET(); o = fl.optim.Adam(m.parameters()); GRADS(m)", "o.step()"),
    # small programs
    "dqn, one state": (
        "m = fl.nn.Sequential(fl.nn.Linear(4, 64), fl.nn.ReLU(), fl.nn.Linear(64, 64), fl.nn.ReLU(), "
        "fl.nn.Linear(64, 2)); import numpy; x = numpy.ones((1, 4), 'f')",
        "with fl.no_grad(): m(fl.from_numpy(x)).argmax(1).item()",
    ),
    "MLP 2-16-1, forward": ("m, x = NET(), fl.ones(4, 2)", "m(x)"),
    "MLP 2-16-1, step": (
        "m, x, y = NET(), fl.ones(4, 2), fl.ones(4, 1); o = fl.optim.SGD(m.parameters(), lr=0.01)",
        "o.zero_grad(); fl.nn.functional.mse_loss(m(x), y).backward(); o.step()",
    ),
    "MLP 784-128-10, step": (
        "m, x, y = NET(784, 128, 10), fl.ones(4, 784), fl.arange(4); o = fl.optim.SGD(m.parameters(), lr=0.01)",
        "o.zero_grad(); fl.nn.functional.cross_entropy(m(x), y).backward(); o.step()",
    ),
    "RNNCell, 50 steps": (
        "m, x, h = fl.nn.RNNCell(16, 32), fl.ones(50, 4, 16), fl.ones(4, 32)",
        "s = h\nfor i in x: s = m(i, s)\ns.sum().backward()",
    ),
}


def net(library, inputs=2, hidden=16, outputs=1):
    nn = library.nn
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def give_gradients(module):
    for p in module.parameters():
        p.grad = p.detach().clone()


def body_of(setup, call, library):
    """A function of n that runs the call n times, names of the set-up being local."""
    lines = ["def make():", f"  {setup or 'pass'}", "  def body(n):"]
    if "a +=" in call:
        lines.append("    nonlocal a")
    lines += ["    for _ in range(n):", *(f"      {line}" for line in call.splitlines()), "  return body"]
    space = {"fl": library, "NET": functools.partial(net, library), "GRADS": give_gradients}
    exec("\n".join(lines), space)
    return space["make"]()


def worker(names):
    """Runs under valgrind: counts are cut at each getppid."""
    import flambeau as fl

    fl.set_num_threads(1)
    for name in names:
        body = body_of(*SNIPPETS[name], fl)
        body(WARM_UP)
        os.getppid()
        body(CALLS)
        os.getppid()
        body(3 * CALLS)
        os.getppid()


def seconds(body, n):
    start = time.perf_counter()
    body(n)
    return (time.perf_counter() - start) / n


def show_times(names):
    """Times of PyTorch and flambeau, and PyTorch's over flambeau's."""
    import torch

    import flambeau as fl

    for library in (torch, fl):
        library.set_num_threads(1)
    for name in names:
        bodies = [body_of(*SNIPPETS[name], library) for library in (torch, fl)]
        for body in bodies:
            body(WARM_UP)
        n = max(10, int(BLOCK / seconds(bodies[1], WARM_UP)))
        theirs, ours = (min(times) for times in zip(*([seconds(b, n) for b in bodies] for _ in range(TURNS))))
        print(f"{name:24}{theirs * 1e9:10.0f} ns{ours * 1e9:10.0f} ns{theirs / ours:8.2f}", flush=True)


def profile(names, folder):
    """The files of one run, three per snippet (before, N calls, 3 N calls)."""
    python = [sys.executable, __file__, "--worker", *names]
    valgrind = ["valgrind", "-q", "--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={folder}/out"]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "FLAMBEAU_ISA": "avx2"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([*valgrind, *python], env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"valgrind failed:\n{done.stderr[-2000:]}")
    return [Path(folder) / f"out.{i + 1}" for i in range(3 * len(names))]


def total(path):
    return int(re.search(r"^(?:totals|summary): (\d+)", path.read_text(), re.MULTILINE)[1])


def functions(path, inclusive):
    """{function: instructions of its own, or with what it calls} of one file."""
    command = ["callgrind_annotate", "--threshold=100", "--show-percs=no", f"--inclusive={inclusive}", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = collections.Counter()
    for count, where in re.findall(r"^ *([\d,]+)  (\S.*)$", text, re.MULTILINE):
        name = re.sub(r" \[[^\]]*\]$", "", where.split(":", 1)[-1])
        found[name] += int(count.replace(",", ""))
    return found


def show_where(once, thrice):
    """Functions by instructions per call: of their own, and with what they call (which counts twice in recursions)."""
    columns = {}
    for inclusive in ("no", "yes"):
        columns[inclusive] = functions(thrice, inclusive)
        columns[inclusive].subtract(functions(once, inclusive))
    for name, count in columns["no"].most_common(TOP):
        print(f"{count / (2 * CALLS):10.0f}{columns['yes'][name] / (2 * CALLS):10.0f}  {name[:150]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pattern", nargs="?", default="")
    parser.add_argument("--where", action="store_true", help="also the functions in which the instructions are")
    parser.add_argument("--times", action="store_true", help="times next to PyTorch instead")
    parser.add_argument("--json", help="writes the figures into this file")
    parser.add_argument("--against", help="figures of an earlier run, to be shown beside")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.worker)
        return
    names = [name for name in SNIPPETS if re.search(options.pattern, name)]
    if options.times:
        sys.path.insert(0, str(ROOT))
        show_times(names)
        return
    before = json.loads(Path(options.against).read_text()) if options.against else {}
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        files = profile(names, folder)
        for i, name in enumerate(names):
            once, thrice = files[3 * i + 1], files[3 * i + 2]
            figures[name] = round((total(thrice) - total(once)) / (2 * CALLS))
            was = f"{before[name]:10d}" if name in before else ""
            print(f"{name:24}{was}{figures[name]:10d}", flush=True)
            if options.where:
                show_where(once, thrice)
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
