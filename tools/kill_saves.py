"""Kills a process that saves in a loop, at random points: `python tools/kill_saves.py --times 200 --seed 1`.

After each kill the file must load, be one of those that were written whole, and not be older than the last one whose save
had returned. The disk is made slow by writing in small pieces, so that most kills come in the middle of a save.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHILD = """
import os, sys, time
import flambeau as fl
from flambeau.serialization import atomic

path, done, slow = sys.argv[1:]
write = atomic.AtomicFile.write

def slowly(self, data):
    view = memoryview(data).cast("B")
    for start in range(0, max(len(view), 1), 20_000):
        write(self, view[start : start + 20_000])
        time.sleep(0.0005)

if slow == "1":
    atomic.AtomicFile.write = slowly
number = fl.load(path)["number"]
with open(done, "ab", buffering=0) as log:
    log.write(b"ready\\n")
    while True:
        number += 1
        fl.save({"number": number, "values": fl.full((100_000,), float(number))}, path)
        log.write(b"%d\\n" % number)
"""


def one(path, log, rng):
    """Starts, kills and checks once; returns (what was found in the file, leftovers of other saves)."""
    import flambeau as fl

    log.write_bytes(b"")
    slow = "1" if rng.random() < 0.8 else "0"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path), str(log), slow])
    while not log.read_bytes():
        time.sleep(0.002)
        if child.poll() is not None:
            raise SystemExit("the child ended by itself")
    time.sleep(rng.uniform(0, 0.3))
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    lines = log.read_bytes().split(b"\n")[1:-1]
    state = fl.load(path)
    number, values = state["number"], state["values"]
    assert values.shape == (100_000,) and values.min().item() == values.max().item() == number, "a mixture of two saves"
    if lines:
        assert number >= int(lines[-1]), f"save {int(lines[-1])} had returned, and the file has {number}"
    return number, len(os.listdir(path.parent)) - 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    import flambeau as fl

    rng, folder = random.Random(arguments.seed), Path(tempfile.mkdtemp())
    path, log = folder / "files" / "state.pt", folder / "log"
    path.parent.mkdir()
    fl.save({"number": 0, "values": fl.zeros(100_000)}, path)
    inside = most = 0
    for _ in range(arguments.times):
        number, left = one(path, log, rng)
        inside, most = inside + (left > 0), max(left, most)
    fl.save({"number": number + 1, "values": fl.zeros(100_000)}, path)
    assert os.listdir(path.parent) == ["state.pt"], os.listdir(path.parent)
    print(f"{arguments.times} kills, {inside} of them inside of a save: the newest complete file loaded each time;")
    print(f"{number} saves were whole, at most {most} unfinished file lay beside them, and none after the next save")


if __name__ == "__main__":
    main()
