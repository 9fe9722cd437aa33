"""What a second core brings, and what it costs beside other work.

    python benchmarks/threads.py [--module torch] [--seconds 2]

Prints three tables, for flambeau or another module with its interface:

- scaling: the time of large work with one thread over the time with all of them, by turns in one process;
- processes: steps a second of as many training processes as there are cores, with default settings, over those of as
  many with one thread each;
- neighbour: the median time of a small training step while another process keeps a core busy, over its quiet time.

The machine should have nothing else to do.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

SPIN = "while True: pass"


def large_work(lib):
    """Name and body of operations that fill all cores."""
    functional = lib.nn.functional
    a, b = lib.randn(1024, 1024), lib.randn(1024, 1024)
    images, weight = lib.randn(8, 64, 56, 56), lib.randn(64, 64, 3, 3)
    rows, long = lib.randn(4096, 1024), lib.randn(1 << 24)
    q, k, v = (lib.randn(2, 8, 1024, 64) for _ in range(3))
    return {
        "product, 1,024 square": lambda: a @ b,
        "convolution 3x3, 64 to 64, 8x56x56": lambda: functional.conv2d(images, weight, padding=1),
        "attention, 2x8 heads, 1,024": lambda: functional.scaled_dot_product_attention(q, k, v, is_causal=True),
        "softmax, 4,096 x 1,024": lambda: functional.softmax(rows, 1),
        "layer norm, 4,096 x 1,024": lambda: functional.layer_norm(rows, (1024,)),
        "gelu, 16 M": lambda: functional.gelu(long),
        "sum, 16 M": long.sum,
        "sort, 4 M": lambda: lib.sort(rows, 1),
    }


def small_step(lib):
    """A training step of a 784-128-10 network at batch 64."""
    model = lib.nn.Sequential(lib.nn.Linear(784, 128), lib.nn.ReLU(), lib.nn.Linear(128, 10))
    optimizer = lib.optim.Adam(model.parameters())
    x, y = lib.randn(64, 784), lib.randint(0, 10, (64,))

    def step():
        optimizer.zero_grad()
        lib.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def best_of(body, seconds):
    end, best = time.perf_counter() + seconds, float("inf")
    while time.perf_counter() < end:
        begin = time.perf_counter()
        body()
        best = min(best, time.perf_counter() - begin)
    return best


def scaling(lib, seconds):
    cores = len(os.sched_getaffinity(0))
    print(f"| large work | 1 thread | {cores} threads | ratio |\n|---|---:|---:|---:|")
    with lib.no_grad():
        for name, body in large_work(lib).items():
            times = {1: [], cores: []}
            for _ in range(7):
                for threads, found in times.items():
                    lib.set_num_threads(threads)
                    body()
                    found.append(best_of(body, seconds / 14))
            one, all_of_them = (statistics.median(found) * 1e3 for found in times.values())
            ratio = statistics.median(a / b for a, b in zip(times[1], times[cores], strict=True))
            print(f"| {name} | {one:.3g} ms | {all_of_them:.3g} ms | {ratio:.2f} |", flush=True)


def worker(module, threads, seconds):
    """Trains for a while and prints the steps per second and the median time of a step."""
    lib = __import__(module)
    if threads:
        lib.set_num_threads(threads)
    step = small_step(lib)
    for _ in range(20):
        step()
    print("ready", flush=True)
    sys.stdin.readline()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    print(len(times) / sum(times), statistics.median(times), flush=True)


def start(module, threads, seconds):
    command = [sys.executable, __file__, "--module", module, "--worker", str(threads), "--seconds", str(seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


def measure(processes):
    """(steps per second in all, median time of a step) of workers that begin together."""
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    found = [[float(x) for x in process.communicate()[0].split()] for process in processes]
    return sum(rate for rate, _ in found), statistics.median(median for _, median in found)


def processes(module, seconds):
    cores = len(os.sched_getaffinity(0))
    rates = {0: [], 1: []}
    for _ in range(5):
        for threads, found in rates.items():
            found.append(measure([start(module, threads, seconds / 2) for _ in range(cores)])[0])
    ratio = statistics.median(a / b for a, b in zip(rates[0], rates[1], strict=True))
    default, single = (statistics.median(found) for found in rates.values())
    print(
        f"\n{cores} processes: {default:.0f} steps/s with default settings, {single:.0f} with one thread each: ", end=""
    )
    print(f"{100 * ratio:.0f} %")


def neighbour(module, seconds):
    quiet, beside = [], []
    for _ in range(5):
        quiet.append(measure([start(module, 0, seconds / 2)])[1])
        busy = subprocess.Popen([sys.executable, "-c", SPIN])
        beside.append(measure([start(module, 0, seconds / 2)])[1])
        busy.kill()
        busy.wait()
    ratio = statistics.median(b / a for a, b in zip(quiet, beside, strict=True))
    print(f"\nA step of 784-128-10 at batch 64: {statistics.median(quiet) * 1e6:.0f} us quiet, ", end="")
    print(f"{statistics.median(beside) * 1e6:.0f} us beside a busy core; median of the pairs: {ratio:.2f} times")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", default="flambeau")
    parser.add_argument("--seconds", type=float, default=2, help="for each measurement")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker is not None:
        worker(args.module, args.worker, args.seconds)
        return
    scaling(__import__(args.module), args.seconds)
    processes(args.module, args.seconds)
    neighbour(args.module, args.seconds)


if __name__ == "__main__":
    main()
