"""Starting a function in several processes, and what is raised when one of them fails."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import sys
import tempfile
import time
import warnings

__all__ = [
    "ENV_VAR_PARALLEL_START",
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "spawn",
    "start_processes",
]

ENV_VAR_PARALLEL_START = "TORCH_MP_PARALLEL_START"


class ProcessException(Exception):
    """A process failed: `error_index` says which, `pid` its number in the system.

    >>> ProcessException("failed", 1, 77).error_index
    1
    """

    __slots__ = ("error_index", "error_pid")

    def __init__(self, msg, error_index, pid):
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process failed because the function raised; the message holds its traceback.

    >>> ProcessRaisedException("traceback", 0, 77).pid
    77
    """

    def __init__(self, msg, error_index, error_pid):
        super().__init__(msg, error_index, error_pid)


class ProcessExitedException(ProcessException):
    """A process ended with an exit code other than 0, or by a signal.

    >>> ProcessExitedException("died", 0, 77, -9, "SIGKILL").signal_name
    'SIGKILL'
    """

    __slots__ = ("exit_code",)

    def __init__(self, msg, error_index, error_pid, exit_code, signal_name=None):
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


def _die_with_parent():
    """The process gets a signal when its parent ends, however that ends (Linux)."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG


def _run(fn, i, args, error_file):
    _die_with_parent()
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        pass  # the parent was interrupted, or has ended
    except Exception:
        import traceback

        with open(error_file, "wb") as file:
            pickle.dump(traceback.format_exc(), file)
        sys.exit(1)


class ProcessContext:
    """The processes that `start_processes(join=False)` has started.

    >>> ProcessContext([], []).join()
    True
    """

    def __init__(self, processes, error_files):
        self.processes, self.error_files = processes, error_files
        self.sentinels = {process.sentinel: index for index, process in enumerate(processes)}

    def pids(self):
        """The numbers of the processes in the system."""
        return [int(process.pid) for process in self.processes]

    def join(self, timeout=None, grace_period=None):
        """Waits until one of the processes fails or all have ended; after a failure the others are ended.

        Args:
            timeout: seconds to wait at most.
            grace_period: seconds that the others have to end after a failure; then they are killed.

        Returns:
            Whether all have ended.

        Raises:
            ProcessRaisedException: the function raised.
            ProcessExitedException: a process ended in another way.
        """
        if not self.sentinels:
            return True
        ready = multiprocessing.connection.wait(list(self.sentinels), timeout=timeout)
        failed = None
        for sentinel in ready:
            index = self.sentinels.pop(sentinel)
            self.processes[index].join()
            if self.processes[index].exitcode != 0 and failed is None:
                failed = index
        if failed is None:
            return not self.sentinels
        self._end_others(grace_period)
        return self._raise(failed)

    def _end_others(self, grace_period):
        end = time.monotonic() + (30 if grace_period is None else grace_period)
        if grace_period is not None:
            for process in self.processes:
                process.join(max(0, end - time.monotonic()))
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        end = max(end, time.monotonic() + 5)
        for process in self.processes:
            process.join(max(0, end - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def _raise(self, index):
        process, error_file = self.processes[index], self.error_files[index]
        if os.path.exists(error_file) and os.path.getsize(error_file):
            with open(error_file, "rb") as file:
                trace = pickle.load(file)
            os.unlink(error_file)
            said = f"\n\n-- Process {index} terminated with the following error:\n{trace}"
            raise ProcessRaisedException(said, index, process.pid)
        code = process.exitcode
        if code < 0:
            name = _signal_name(-code)
            raise ProcessExitedException(
                f"process {index} terminated with signal {name}", index, process.pid, code, name
            )
        raise ProcessExitedException(f"process {index} terminated with exit code {code}", index, process.pid, code)


def _signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"<Unknown signal {number}>"


class SpawnContext(ProcessContext):
    """The processes that `spawn(join=False)` has started.

    >>> issubclass(SpawnContext, ProcessContext)
    True
    """


def start_processes(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """Runs `fn(i, *args)` in processes i = 0 .. nprocs - 1.

    Args:
        fn: a function that can be pickled, unless the processes are forked.
        args: its further arguments.
        nprocs: how many processes.
        join: wait for all of them.
        daemon: end them when this process ends.
        start_method: "spawn", "fork" or "forkserver".

    Returns:
        None, or a `ProcessContext` if join is False.

    Raises:
        ProcessRaisedException: the function raised; the message has its traceback.
        ProcessExitedException: a process ended in another way.

    >>> start_processes(print, nprocs=0)
    """
    return _started(ProcessContext, fn, args, nprocs, join, daemon, start_method)


def _started(kind, fn, args, nprocs, join, daemon, start_method):
    context = multiprocessing.get_context(start_method)
    folder = tempfile.mkdtemp(prefix="flambeau_errors_")
    error_files = [os.path.join(folder, str(i)) for i in range(nprocs)]
    processes = []
    for i in range(nprocs):
        process = context.Process(target=_run, args=(fn, i, args, error_files[i]), daemon=daemon)
        process.start()
        processes.append(process)
    started = kind(processes, error_files)
    _remove_later(started, folder)
    if not join:
        return started
    while not started.join():
        pass
    return None


def _remove_later(started, folder):
    import shutil
    import weakref

    weakref.finalize(started, shutil.rmtree, folder, ignore_errors=True)


def spawn(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """Runs `fn(i, *args)` in new processes i = 0 .. nprocs - 1, which import the module of `fn` again.

    Args:
        fn: a function at the top of a module.
        args: its further arguments.
        nprocs: how many processes.
        join: wait for all of them.
        daemon: end them when this process ends.
        start_method: accepted; "spawn". Others are for `start_processes`.

    Returns:
        None, or a `SpawnContext` if join is False.

    Raises:
        ProcessRaisedException: the function raised; the message has its traceback.
        ProcessExitedException: a process ended in another way.

    >>> spawn(print, nprocs=0)
    """
    if start_method != "spawn":
        warnings.warn(
            f"This method only supports start_method=spawn (got: {start_method}).\nTo use a different start_method use:\n\t\t"
            " torch.multiprocessing.start_processes(...)",
            FutureWarning,
            stacklevel=2,
        )
    return _started(SpawnContext, fn, args, nprocs, join, daemon, "spawn")
