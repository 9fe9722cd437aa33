"""Workers that fail, die or hang, loaders that are left alone: a clear error in time, and nothing left behind."""

import contextlib
import gc
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import flambeau as fl
from flambeau.utils import data

ROOT = Path(fl.__file__).resolve().parents[1]  # where the package with the extension is
KINDS = ["process", "thread"]


class Images(data.Dataset):
    def __init__(self, size=40):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        return fl.full((100, 100), float(i)), i


class TwoArguments(Exception):
    def __init__(self, code, detail):
        super().__init__(f"{code}: {detail}")


class Failing(Images):
    def __init__(self, fail):
        super().__init__()
        self.fail = fail

    def __getitem__(self, i):
        if i == 5:
            self.fail()
        return super().__getitem__(i)


def two_arguments():
    raise TwoArguments(3, "no disk")


def local_class():
    class Local(ValueError):
        pass

    raise Local("out of reach")


def unpicklable_content():
    raise ValueError("has a lock", threading.Lock())


def lost_connection():
    raise ConnectionResetError(104, "the database went away")


def leave():
    sys.exit(3)


def divide():
    return 1 / 0


FAILURES = [
    (two_arguments, TwoArguments, "no disk"),
    (two_arguments, RuntimeError, "in two_arguments"),
    (divide, ZeroDivisionError, "in divide"),
    (unpicklable_content, ValueError, "has a lock"),
    (lost_connection, ConnectionResetError, "the database went away"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fail, error, text", FAILURES)
def test_exceptions(fail, error, text, kind):
    """Type, worker, data set, index and the worker's traceback; the next batch comes all the same."""
    loader = data.DataLoader(Failing(fail), num_workers=2, worker_type=kind, sampler=[1, 5, 2, 3])
    batches = iter(loader)
    next(batches)
    with pytest.raises(
        error, match=rf"Caught {fail and error.__name__ if error is not RuntimeError else ''}"
    ) as caught:
        next(batches)
    message = str(caught.value)
    assert text in message and f"worker {kind} 1, while fetching Failing[5]" in message and "Traceback" in message
    assert [batch[1].item() for batch in batches] == [2, 3]


@pytest.mark.parametrize("kind, error", [("process", RuntimeError), ("thread", ValueError)])
def test_exceptions_of_classes_that_only_the_worker_has(kind, error):
    with pytest.raises(error, match=r"Caught Local in DataLoader worker") as caught:
        list(data.DataLoader(Failing(local_class), num_workers=1, worker_type=kind))
    assert "out of reach" in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_that_cannot_be_collated_name_their_indices(kind):
    class Ragged(Images):
        def __getitem__(self, i):
            return fl.zeros(i)

    with pytest.raises(RuntimeError, match=r"while fetching Ragged\[\[0, 1, 2\]\]"):
        list(data.DataLoader(Ragged(), batch_size=3, num_workers=1, worker_type=kind))


@pytest.mark.parametrize("kind", KINDS)
def test_leaving(kind):
    with pytest.raises(RuntimeError, match="worker .*exited unexpectedly: worker 1"):
        list(data.DataLoader(Failing(leave), num_workers=2, worker_type=kind))


def failing_start(worker):
    if worker == 1:
        raise LookupError("no licence")


@pytest.mark.parametrize("kind", KINDS)
def test_worker_init_fn(kind):
    with pytest.raises(LookupError, match=r"worker \w+ 1, while calling worker_init_fn\(1\)(?s:.*)no licence"):
        list(data.DataLoader(Images(), num_workers=2, worker_type=kind, worker_init_fn=failing_start))


class Unreadable(Images):
    def __setstate__(self, state):
        raise OSError("cannot open my file here")


def test_a_worker_that_cannot_start():
    begun = time.monotonic()
    with pytest.raises(RuntimeError, match="exited unexpectedly: worker 0 ended with exit code 1"):
        list(data.DataLoader(Unreadable(), num_workers=1, multiprocessing_context="spawn"))
    assert time.monotonic() - begun < 30


def test_data_sets_that_cannot_be_sent_get_a_hint():
    loader = data.DataLoader([lambda: 1], num_workers=1, multiprocessing_context="spawn")
    with (
        pytest.raises((AttributeError, TypeError, Exception), match="ickle"),
        pytest.warns(UserWarning, match="use 'fork'"),
    ):
        next(iter(loader))


def limit_files(worker):
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_without_room_for_shared_memory_batches_come_all_the_same():
    loader = data.DataLoader(Images(8), batch_size=4, num_workers=1, worker_init_fn=limit_files)
    for batch, first in zip(loader, (0, 4), strict=True):
        assert batch[0][:, 3, 7].tolist() == [first, first + 1, first + 2, first + 3]


def test_too_many_open_files():
    loader = data.DataLoader(Images(8), batch_size=4, num_workers=1)
    batches = iter(loader)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        with pytest.raises(RuntimeError, match="Too many open files"):
            next(batches)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# ---------------------------------------------------------------- nothing left behind


def children():
    """Processes that this one started, without multiprocessing's own helpers."""
    pids = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    return [pid for pid in pids if b"multiprocessing." not in Path(f"/proc/{pid}/cmdline").read_bytes()]


def left():
    """Open descriptors, child processes, shared mappings, threads; after a moment for threads to end."""
    deadline, threads = time.monotonic() + 5, ["some"]
    while threads and time.monotonic() < deadline:
        threads = [thread for thread in threading.enumerate() if thread.name.startswith("flambeau-data")]
        time.sleep(0.01)
    shared = Path("/proc/self/maps").read_text().count("memfd:flambeau")
    return len(os.listdir("/proc/self/fd")), len(children()), shared, len(threads)


def use(turn, kind):
    """A loader used to the end, left half-way, failing, or kept for two passes."""
    options = {"batch_size": 4, "num_workers": 1 + (turn == 3), "worker_type": kind}
    if turn == 0:
        list(data.DataLoader(Images(), **options))
    elif turn == 1:
        next(iter(data.DataLoader(Images(), **options)))
    elif turn == 2:
        with contextlib.suppress(ZeroDivisionError):
            list(data.DataLoader(Failing(divide), **options))
    else:
        loader = data.DataLoader(Images(), persistent_workers=True, **options)
        list(loader)
        next(iter(loader))


@pytest.mark.parametrize("kind", KINDS)
def test_200_loaders_leave_nothing(kind):
    for turn in range(4):
        use(turn, kind)
    gc.collect()
    gc.disable()  # what goes, goes without it
    try:
        before = left()
        for turn in range(200):
            use(turn % 4, kind)
        assert left() == before and before[1:] == (0, 0, 0)
    finally:
        gc.enable()


def test_processes_after_threads():
    """Fork while worker threads run and kernels have used the pool."""
    fl.rand(400, 400) @ fl.rand(400, 400)
    threads = iter(data.DataLoader(Images(400), num_workers=2, worker_type="thread"))
    for _ in range(5):
        next(threads)
        loader = data.DataLoader(Images(8), num_workers=2, batch_size=2, timeout=60)
        assert sum(batch[1].sum().item() for batch in loader) == 28


PROGRAM = """
import os, sys, time
import flambeau as fl
from flambeau.utils import data

class Slow(data.Dataset):
    def __len__(self):
        return 100
    def __getitem__(self, i):
        if i > 3:
            time.sleep(1000)
        return i

if __name__ == "__main__":
    loader = data.DataLoader(Slow(), num_workers=2, multiprocessing_context=sys.argv[1])
    batches = iter(loader)
    for _ in range(4):
        next(batches)
    print(*[worker.pid for worker in batches._workers], flush=True)
    next(batches)
"""


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_loader(tmp_path, method, sign):
    """Ctrl-C, and a loader's process that is killed, while the workers hang."""
    program = tmp_path / "slow.py"
    program.write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, str(program), method],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    workers = [int(pid) for pid in process.stdout.readline().split()]
    assert len(workers) == 2 and all(map(alive, workers))
    time.sleep(0.2)
    begun = time.monotonic()
    os.killpg(process.pid, sign) if sign == signal.SIGINT else process.send_signal(sign)
    _, errors = process.communicate(timeout=30)
    while any(map(alive, workers)) and time.monotonic() - begun < 15:
        time.sleep(0.02)
    assert not any(map(alive, workers)) and time.monotonic() - begun < 15
    if sign == signal.SIGINT:
        assert process.returncode != 0 and "KeyboardInterrupt" in errors
