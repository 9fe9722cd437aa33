"""What this machine can do at most, to set figures against: float32 operations and bytes a second.

    python benchmarks/limits.py [--threads 1,2]

Compiles limits.cpp for this processor (g++ or $CXX). A fused multiply-add counts as two operations; a copy counts what it
reads and what it writes. Each figure is the best of several rounds.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path


def limits(threads=(1,)):
    """For each number of threads a dict with flops, read, copy, copy_around_cache and read_first_cache, per second."""
    source = Path(__file__).with_name("limits.cpp")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "limits"
        compiler = os.environ.get("CXX", "g++")
        subprocess.run(
            [compiler, "-O3", "-march=native", "-std=c++17", "-pthread", source, "-o", program, "-Wno-psabi"],
            check=True,
        )
        return {
            n: json.loads(subprocess.run([program, str(n)], capture_output=True, check=True).stdout) for n in threads
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,2", help="comma separated")
    args = parser.parse_args()
    found = limits([int(n) for n in args.threads.split(",")])
    print(f"{'threads':>7} {'GFLOP/s':>9} {'read GB/s':>10} {'copy GB/s':>10} {'around cache':>13} {'first cache':>12}")
    for n, figures in found.items():
        rates = [figures[name] / 1e9 for name in ("flops", "read", "copy", "copy_around_cache", "read_first_cache")]
        print(f"{n:7} {rates[0]:9.1f} {rates[1]:10.1f} {rates[2]:10.1f} {rates[3]:13.1f} {rates[4]:12.1f}")


if __name__ == "__main__":
    main()
