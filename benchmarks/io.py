"""Loading and saving 200 MB beside torch and safetensors, by turns: `python benchmarks/io.py [--rounds N] [--megabytes N]`.

Files are in the page cache. flambeau's `save` waits until the disk has the file, torch's does not; "to memory" compares the rest.
"""

import argparse
import importlib
import io
import os
import tempfile
import time


def state(lib, megabytes):
    """Twenty layers of equal size, and some small tensors, as models have."""
    large = {f"layer{n}.weight": lib.ones(megabytes * 12_500) for n in range(20)}
    return {**large, **{f"layer{n}.bias": lib.ones(64) for n in range(100)}}


def cases(folder, megabytes):
    """{case: {library: what is timed}}."""
    torch, flambeau = importlib.import_module("torch"), importlib.import_module("flambeau")
    own = importlib.import_module("flambeau.serialization.safetensors")
    path, flat = os.path.join(folder, "x.pt"), os.path.join(folder, "x.safetensors")
    states = {lib: state(lib, megabytes) for lib in (torch, flambeau)}
    torch.save(states[torch], path)
    own.save_file(states[flambeau], flat)
    sizes = os.path.getsize(path) / 1e6, os.path.getsize(flat) / 1e6
    print(f"{sizes[0]:.0f} MB as .pt, {sizes[1]:.0f} MB as safetensors")

    def both(call):
        return {lib.__name__: lambda lib=lib: call(lib) for lib in (torch, flambeau)}

    found = {
        "load": both(lambda lib: lib.load(path)),
        "load, mmap=True": both(lambda lib: lib.load(path, mmap=True)),
        "save to a file": both(lambda lib: lib.save(states[lib], path + lib.__name__)),
        "save to memory": both(lambda lib: lib.save(states[lib], io.BytesIO())),
        "safetensors: load": {"flambeau": lambda: own.load_file(flat)},
        "safetensors: save to a file": {"flambeau": lambda: own.save_file(states[flambeau], flat + "1")},
    }
    try:
        package = importlib.import_module("safetensors.torch")
    except ModuleNotFoundError:
        return found
    found["safetensors: load"]["torch"] = lambda: package.load_file(flat)
    found["safetensors: save to a file"]["torch"] = lambda: package.save_file(states[torch], flat + "2")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--megabytes", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for case, calls in cases(folder, arguments.megabytes).items():
            best = dict.fromkeys(calls, float("inf"))
            for _ in range(arguments.rounds):
                for name, call in calls.items():
                    start = time.perf_counter()
                    call()
                    best[name] = min(best[name], time.perf_counter() - start)
            print(
                f"{case:28}", *(f"{name} {best[name] * 1e3:8.2f} ms " for name in ("torch", "flambeau") if name in best)
            )


if __name__ == "__main__":
    main()
