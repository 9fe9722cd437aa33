"""Workers as processes or threads: starting them, sending tasks, waiting for answers, stopping them.

Large tensors of an answer travel through an unnamed shared-memory file, whose descriptor is sent along with it; small
answers go through the socket. Neither needs /dev/shm, and nothing is left behind when a process dies.
"""

import contextlib
import gc
import io
import mmap
import os
import pickle
import queue
import select
import selectors
import signal
import socket
import struct
import threading
import time
import warnings
import weakref

import flambeau
from flambeau.utils.data._utils.worker import Failure, work

__all__ = ["ProcessWorkers", "ThreadWorkers", "WorkerDied"]

PATIENCE = 2.0  # seconds a worker has to finish what it is doing when it is no longer needed
CHECK_INTERVAL = 2.0  # seconds between looks whether the loader's process still lives

INLINE_LIMIT = 1 << 16  # answers with fewer bytes of tensors are sent as they are
ALIGNMENT = 64
HEADER = struct.Struct("<QQQ")  # bytes of the pickle, of tensors that follow it, and of tensors in shared memory


class _Packer(pickle.Pickler):
    """Pickles an answer; plain tensors become their place in one block of memory."""

    def __init__(self, file):
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.parts, self.total = [], 0

    def persistent_id(self, value):
        if type(value) is not flambeau.Tensor or value.requires_grad or value.device.type != "cpu":
            return None
        value = value.contiguous()
        place, size = self.total, value.numel() * value.element_size()
        self.parts.append((place, value))
        self.total += -(-size // ALIGNMENT) * ALIGNMENT
        return (place, str(value.dtype).rpartition(".")[2], tuple(value.shape))


class _Unpacker(pickle.Unpickler):
    def __init__(self, data, memory):
        super().__init__(io.BytesIO(data))
        self.memory = memory

    def persistent_load(self, description):
        place, dtype, shape = description
        dtype, count = getattr(flambeau, dtype), 1
        for size in shape:
            count *= size
        if count == 0:
            return flambeau.empty(shape, dtype=dtype)
        return flambeau.frombuffer(self.memory, dtype=dtype, count=count, offset=place).view(shape)


def _copy_out(parts, memory):
    """Copies tensors into their places in a writable buffer."""
    for place, value in parts:
        if value.numel():
            flambeau.frombuffer(memory, dtype=value.dtype, count=value.numel(), offset=place).copy_(value.reshape(-1))


def send_answer(connection, answer):
    """Sends an object over a socket, with its tensors in shared memory if they are large."""
    file = io.BytesIO()
    packer = _Packer(file)
    packer.dump(answer)
    pickled = file.getbuffer()
    descriptor = _shared(packer) if packer.total >= INLINE_LIMIT else None
    if descriptor is None:
        memory = bytearray(packer.total)
        _copy_out(packer.parts, memory)
        connection.sendall(b"".join((HEADER.pack(len(pickled), len(memory), 0), pickled, memory)))
        return
    try:
        socket.send_fds(connection, [HEADER.pack(len(pickled), 0, packer.total)], [descriptor])
    finally:
        os.close(descriptor)
    connection.sendall(pickled)


def _shared(packer):
    """A file in memory with the packed tensors, or None where there is no room, or no descriptor, for one."""
    descriptor = None
    try:
        descriptor = nameless_file()
        # Reserving the space first turns a full memory into an exception instead of a bus error.
        os.posix_fallocate(descriptor, 0, packer.total)
        _copy_out(packer.parts, mmap.mmap(descriptor, packer.total))
    except OSError:
        if descriptor is not None:
            os.close(descriptor)
        return None
    return descriptor


def nameless_file():
    """The descriptor of an empty file in memory."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("flambeau-batch")
    import tempfile

    descriptor, path = tempfile.mkstemp(prefix="flambeau-batch")
    os.unlink(path)
    return descriptor


def receive_answer(connection):
    """Receives what ``send_answer`` sent; its tensors lie in the shared memory, which lives as long as they do.

    Raises:
        EOFError: the other end is closed.
        WorkerDied: this process has no descriptor or memory left to take it.
    """
    head, descriptors, _, _ = socket.recv_fds(connection, HEADER.size, 1)
    try:
        size, inline, shared = HEADER.unpack(head + _receive(connection, HEADER.size - len(head)))
        if shared and not descriptors:
            raise WorkerDied(
                "Too many open files: the loader cannot receive shared memory from its workers; raise the limit (ulimit -n)"
            )
        memory = mmap.mmap(descriptors[0], shared) if shared else None
    except OSError as error:
        if isinstance(error, (ConnectionError, TimeoutError)):
            raise
        raise WorkerDied(f"the loader cannot map a batch of {shared} bytes from its workers: {error}") from None
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    pickled = _receive(connection, size)
    if memory is None:
        memory = _receive(connection, inline)
    return _Unpacker(pickled, memory).load()


def _receive(connection, size):
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        count = connection.recv_into(view[got:])
        if count == 0:
            raise EOFError
        got += count
    return data


def _send_task(connection, task):
    data = pickle.dumps(task, protocol=pickle.HIGHEST_PROTOCOL)
    connection.sendall(struct.pack("<Q", len(data)) + data)


def _receive_task(connection):
    (size,) = struct.unpack("<Q", _receive(connection, 8))
    return pickle.loads(_receive(connection, size))


# ---------------------------------------------------------------- in the worker process


class _Tasks:
    """What the worker is to do, moved from the socket by a thread, so that the loader never waits for a busy worker."""

    def __init__(self, connection):
        self.connection, self.queue, self.stopped = connection, queue.SimpleQueue(), False
        threading.Thread(target=self._read, args=(os.getppid(),), daemon=True).start()

    def get(self):
        """The next task, or None: no more, whatever is still waiting."""
        task = self.queue.get()
        return None if self.stopped else task

    def _read(self, parent):
        task, poll = (), select.poll()
        poll.register(self.connection, select.POLLIN)
        while task is not None:
            if not poll.poll(CHECK_INTERVAL * 1000):
                if os.getppid() != parent:
                    os._exit(1)
                continue
            try:
                task = _receive_task(self.connection)
            except (EOFError, OSError):
                os._exit(1)  # the loader's process is gone without a word
            self.stopped = task is None
            self.queue.put(task)


def _process_main(job, connection):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the loader's process stops its workers
    for pool in list(_pools):  # what a fork copied; as long as it is open, other workers would not see their loader die
        pool.forget()
    gc.freeze()  # what is shared with the loader's process would be copied for the collector's notes
    job.unpack()
    tasks = _Tasks(connection)

    def send(message):
        try:
            send_answer(connection, message)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)  # nobody wants the answer any more
        except Exception as error:
            send_answer(connection, (*message[:2], Failure(error, job, doing="sending a batch"), {}))

    work(job, tasks.get, send)


# ---------------------------------------------------------------- in the loader's process

_pools: weakref.WeakSet = weakref.WeakSet()


class WorkerDied(RuntimeError):
    """A worker ended, or cannot be heard any more, without having answered."""


class ProcessWorkers:
    """Worker processes, each at the other end of a socket."""

    def __init__(self, context, timeout, jobs):
        import multiprocessing

        context = context or multiprocessing.get_context()
        self.owner, self.timeout = os.getpid(), timeout
        self.sockets, self.processes = [], []
        self.selector = selectors.DefaultSelector()
        _pools.add(self)
        try:
            for job in jobs:
                self._start(context, job)
        except BaseException:
            self.stop(0)
            raise

    def _start(self, context, job):
        mine, theirs = socket.socketpair()
        if self.timeout > 0:
            mine.settimeout(self.timeout)
        self.sockets.append(mine)
        process = context.Process(target=_process_main, args=(job, theirs), daemon=True)
        try:
            process.start()
        except (TypeError, AttributeError, pickle.PicklingError):
            warnings.warn(
                f"{type(job.dataset).__name__}, collate_fn or worker_init_fn cannot be pickled, which "
                f"multiprocessing_context={context.get_start_method()!r} needs; use 'fork' or worker_type='thread'",
                stacklevel=6,
            )
            raise
        finally:
            theirs.close()
        self.processes.append(process)
        self.selector.register(mine, selectors.EVENT_READ, (job.id, True))
        self.selector.register(process.sentinel, selectors.EVENT_READ, (job.id, False))

    def forget(self):
        """Closes a forked process' copies of what belongs to its parent."""
        self.selector.close()
        for connection in self.sockets:
            connection.close()
        self.sockets, self.processes = [], []

    def send(self, worker, task):
        """Gives a worker a task; a dead worker is noticed when its answer is awaited."""
        with contextlib.suppress(OSError):
            _send_task(self.sockets[worker], task)

    def receive(self, timeout):
        """The next answer as ``(worker, message)``, or None after ``timeout`` seconds without one.

        Raises:
            WorkerDied: a worker process has ended.
        """
        ready = [key.data for key, _ in self.selector.select(timeout)]
        if not ready:
            return None
        worker, answers = max(ready, key=lambda each: each[1])
        if answers:
            try:
                return worker, receive_answer(self.sockets[worker])
            except TimeoutError:
                return None
            except (EOFError, ConnectionError, struct.error):
                pass
        raise WorkerDied(self._obituary(worker))

    def _obituary(self, worker):
        process = self.processes[worker]
        process.join(1)
        code = process.exitcode
        if code is None:
            how = "closed its connection"
        elif code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
            if code == -signal.SIGKILL:
                how += " (perhaps for want of memory)"
        else:
            how = f"ended with exit code {code}"
        return f"DataLoader worker (pid(s) {process.pid}) exited unexpectedly: worker {worker} {how}"

    def describe(self, worker):
        """The worker's name in messages."""
        return f"worker process {worker} (pid {self.processes[worker].pid})"

    def stop(self, patience=PATIENCE):
        """Ends the processes; those still busy after ``patience`` seconds are killed."""
        if os.getpid() != self.owner or not self.sockets:
            return
        processes, sockets = self.processes, self.sockets
        self.selector.close()
        try:
            for worker, connection in enumerate(sockets):
                connection.settimeout(0.1)
                if patience and worker < len(processes):
                    self.send(worker, None)
                connection.close()
            deadline = time.monotonic() + patience
            for process in processes:
                process.join(max(0.0, deadline - time.monotonic()))
        finally:
            for process in processes:
                if process.is_alive():
                    process.kill()
                    process.join(1)
            self.sockets = []


class ThreadWorkers:
    """Worker threads: no copies of the data set, nothing to pickle, no start-up time."""

    def __init__(self, context, timeout, jobs):
        self.answers, self.tasks, self.processes = queue.SimpleQueue(), [], []
        self.stopped = threading.Event()
        for job in jobs:
            tasks = queue.SimpleQueue()
            thread = threading.Thread(
                target=self._run,
                args=(job, tasks, self.answers, self.stopped),
                name=f"flambeau-data-{job.id}",
                daemon=True,
            )
            thread.start()
            self.tasks.append(tasks)

    @staticmethod
    def _run(job, tasks, answers, stopped):
        def receive():
            task = tasks.get()
            return None if stopped.is_set() else task

        try:
            work(job, receive, lambda message: answers.put((job.id, message)))
        except BaseException as error:
            answers.put((job.id, error))

    def send(self, worker, task):
        """Gives a worker a task."""
        self.tasks[worker].put(task)

    def receive(self, timeout):
        """The next answer as ``(worker, message)``, or None after ``timeout`` seconds without one.

        Raises:
            WorkerDied: a worker thread has ended.
        """
        try:
            worker, message = self.answers.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(message, BaseException):
            raise WorkerDied(
                f"DataLoader worker thread exited unexpectedly: worker {worker} by {type(message).__name__}: {message}"
            ) from message
        return worker, message

    def describe(self, worker):
        """The worker's name in messages."""
        return f"worker thread {worker}"

    def stop(self, patience=PATIENCE):
        """Tells the threads to end after what they are doing."""
        self.stopped.set()
        for tasks in self.tasks:
            tasks.put(None)
