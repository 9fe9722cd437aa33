"""The loader's figures, each beside its gate, and torch's where it is installed.

    python benchmarks/loader.py            # all
    python benchmarks/loader.py epoch      # one of: epoch, first, memory, throughput

Ratios are of the best times of runs by turns in one process; first batches and throughput run in processes of their own.
"""

import argparse
import gc
import importlib
import subprocess
import sys
import time
import warnings

GATES = {"epoch": 2.0, "first": 20.0, "memory": 10.0, "throughput": 1.7}


def best(functions, rounds=60):
    """The best time of each function in seconds, run by turns."""
    times = dict.fromkeys(functions, float("inf"))
    for _ in range(rounds):
        for name, function in functions.items():
            begun = time.perf_counter()
            function()
            times[name] = min(times[name], time.perf_counter() - begun)
    return times


def installed():
    """flambeau, and torch if it is there."""
    names = ["flambeau"]
    try:
        importlib.import_module("torch")
        names.append("torch")
    except ImportError:
        pass
    return names


# ---------------------------------------------------------------- an epoch of tensors beside plain indexing


def epoch_cases(lib):
    """(name, pass over a loader, the same by plain indexing) for 10,000 rows of 5 and a label, batches of 256."""
    lib.set_num_threads(1)
    x, y, data = lib.rand(10_000, 5), lib.arange(10_000), lib.utils.data
    whole, order = data.TensorDataset(x, y), lib.randperm(10_000).tolist()
    halves = data.ConcatDataset([data.TensorDataset(x[:6000], y[:6000]), data.TensorDataset(x[6000:], y[6000:])])

    def passes(dataset, shuffle=False):
        loader = data.DataLoader(dataset, batch_size=256, shuffle=shuffle)
        return lambda: [None for _ in loader]

    def views():
        for i in range(0, 10_000, 256):
            x[i : i + 256], y[i : i + 256]

    def copies():
        for i in range(0, 10_000, 256):
            x[i : i + 256].clone(), y[i : i + 256].clone()

    def permuted():
        p = lib.randperm(10_000)
        for i in range(0, 10_000, 256):
            x[p[i : i + 256]], y[p[i : i + 256]]

    def listed():
        for i in range(0, 10_000, 256):
            places = lib.tensor(order[i : i + 256])
            x[places], y[places]

    yield "in order, beside copies", passes(whole), copies
    yield "in order, beside views", passes(whole), views
    yield "shuffled", passes(whole, True), permuted
    yield "StackDataset, shuffled", passes(data.StackDataset(data.TensorDataset(x), y), True), permuted
    yield "Subset", passes(data.Subset(whole, order)), listed
    yield "random_split, shuffled", passes(data.random_split(whole, [1.0])[0], True), listed
    yield "ConcatDataset", passes(halves), copies
    yield "ConcatDataset, shuffled", passes(halves, True), permuted


def epoch():
    """Prints the time of an epoch over that of plain indexing."""
    for name in installed():
        rounds = 60 if name == "flambeau" else 3
        for case, loader, plain in epoch_cases(importlib.import_module(name)):
            times = best({"loader": loader, "plain": plain}, rounds)
            ratio = times["loader"] / times["plain"]
            print(
                f"{name:9} epoch, {case:26} {times['loader'] * 1e3:8.3f} ms, plain {times['plain'] * 1e3:6.3f} ms: "
                f"{ratio:6.2f}x (gate {GATES['epoch']}x)"
            )


# ---------------------------------------------------------------- the first batch of four workers

FIRST = """
import sys, time, warnings
warnings.simplefilter("ignore")
name, kind, method = sys.argv[1:]
lib = __import__(name)
import importlib
data = importlib.import_module(name + ".utils.data")
if __name__ == "__main__":
    dataset, options, times = data.TensorDataset(lib.rand(10_000, 5), lib.arange(10_000)), {}, []
    if kind == "thread":
        options["worker_type"] = kind
    else:
        options["multiprocessing_context"] = method
    for _ in range(12 if method == "fork" or kind == "thread" else 3):
        begun = time.perf_counter()
        batches = iter(data.DataLoader(dataset, batch_size=256, num_workers=4, **options))
        next(batches)
        times.append(time.perf_counter() - begun)
        del batches
    print(min(times) * 1e3, sorted(times)[len(times) // 2] * 1e3)
"""


def first():
    """Prints the time to the first batch of four workers."""
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(FIRST)
        file.flush()
        for name in installed():
            for kind, method in (("thread", "-"), ("process", "fork"), ("process", "forkserver"), ("process", "spawn")):
                if name == "torch" and kind == "thread":
                    continue
                command = [sys.executable, file.name, name, kind, method]
                shortest, median = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
                print(
                    f"{name:9} first batch of 4 workers, {kind} {method:10} best {float(shortest):7.1f} ms, median "
                    f"{float(median):7.1f} ms (gate {GATES['first']} ms)"
                )


# ---------------------------------------------------------------- memory of workers


class Words:
    """Two million pairs of a string and a number."""

    def __init__(self, count=2_000_000):
        self.items = [(f"word-{i:08d}", i) for i in range(count)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i][1]


def private_memory(pid):
    """Megabytes that the process shares with no other."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_Dirty")) / 1024


def memory():
    """Prints how much a worker's memory grows over an epoch, of the size of the data set."""
    before = private_memory("self")
    dataset = Words()
    size = private_memory("self") - before
    for name in installed():
        data = importlib.import_module(f"{name}.utils.data")
        begun = time.perf_counter()
        batches = iter(data.DataLoader(dataset, batch_size=2000, shuffle=True, num_workers=1))
        next(batches)
        start = time.perf_counter() - begun
        pid = batches._workers[0].pid
        early = private_memory(pid)
        for _ in range(len(batches) - 4):
            next(batches)
        late = private_memory(pid)
        print(
            f"{name:9} worker's private memory, data set of {size:.0f} MB: {early:.0f} MB after the first batch, {late:.0f} MB "
            f"after the epoch: grows by {(late - early) / size:.1%} (gate {GATES['memory']:.0f} %); first batch {start:.2f} s, "
            f"epoch {time.perf_counter() - begun:.1f} s"
        )
        del batches
        gc.collect()


# ---------------------------------------------------------------- two workers


def throughput():
    """Prints how much faster two workers are than none on a transform that lets go of the interpreter."""
    import flambeau
    from flambeau.utils import data

    class Heavy(data.Dataset):
        """A product of matrices per sample."""

        def __len__(self):
            return 60

        def __getitem__(self, i):
            x = flambeau.full((500, 500), float(i))
            for _ in range(4):
                x = x @ x * 1e-3
            return x[:8, :8].clone()

    flambeau.set_num_threads(1)
    options = {
        "none": {},
        "two threads": {"num_workers": 2, "worker_type": "thread"},
        "two processes": {"num_workers": 2},
    }
    times = best({name: lambda o=each: list(data.DataLoader(Heavy(), 4, **o)) for name, each in options.items()}, 5)
    for name in list(options)[1:]:
        print(f"flambeau  {name}: {times['none'] / times[name]:.2f}x of none (gate {GATES['throughput']}x)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[[], *GATES], default=[])
    warnings.simplefilter("ignore")
    for what in parser.parse_args().what or GATES:
        globals()[what]()
