"""Workers as processes or threads: starting them, sending tasks, waiting for answers, stopping them.

Large tensors of an answer travel through an unnamed shared-memory file, whose descriptor is sent along with it; small
answers go through the socket. Neither needs /dev/shm, and nothing is left behind when a process dies.
"""

import contextlib
import io
import mmap
import os
import pickle
import queue
import selectors
import signal
import socket
import struct
import threading
import time

import flambeau
from flambeau.utils.data._utils.worker import Failure, Job, work

__all__ = ["ProcessWorkers", "ThreadWorkers", "WorkerDied"]

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
    if packer.total < INLINE_LIMIT:
        memory = bytearray(packer.total)
        _copy_out(packer.parts, memory)
        connection.sendall(b"".join((HEADER.pack(len(pickled), len(memory), 0), pickled, memory)))
        return
    descriptor = _nameless_file()
    try:
        # Reserving the space first turns a full memory into an exception instead of a bus error.
        os.posix_fallocate(descriptor, 0, packer.total)
        _copy_out(packer.parts, mmap.mmap(descriptor, packer.total))
        socket.send_fds(connection, [HEADER.pack(len(pickled), 0, packer.total)], [descriptor])
    finally:
        os.close(descriptor)
    connection.sendall(pickled)


def _nameless_file():
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
    """
    head, descriptors, _, _ = socket.recv_fds(connection, HEADER.size, 1)
    try:
        size, inline, shared = HEADER.unpack(head + _receive(connection, HEADER.size - len(head)))
        memory = mmap.mmap(descriptors[0], shared) if shared else None
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


def _read_tasks(connection, tasks):
    """Moves tasks from the socket to a queue, so that the loader never waits for a busy worker to take one."""
    while True:
        try:
            task = _receive_task(connection)
        except (EOFError, OSError):
            os._exit(1)  # the loader's process is gone without a word
        tasks.put(task)
        if task is None:
            return


def _process_main(job, connection, others):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the loader's process stops its workers
    for other in others:
        other.close()
    tasks = queue.SimpleQueue()
    threading.Thread(target=_read_tasks, args=(connection, tasks), daemon=True).start()

    def send(message):
        try:
            send_answer(connection, message)
        except OSError as error:
            if isinstance(error, (BrokenPipeError, ConnectionResetError)):
                os._exit(0)  # nobody wants the answer any more
            send_answer(connection, (*message[:2], Failure(error, job)))
        except Exception as error:
            send_answer(connection, (*message[:2], Failure(error, job)))

    work(job, tasks.get, send)


# ---------------------------------------------------------------- in the loader's process


class WorkerDied(RuntimeError):
    """A worker process ended, or hangs, without having answered."""


class ProcessWorkers:
    """Worker processes, each at the other end of a socket."""

    def __init__(self, loader, base_seed):
        import multiprocessing

        context = loader.multiprocessing_context or multiprocessing.get_context()
        inherits = context.get_start_method() == "fork"
        self.owner, self.timeout = os.getpid(), loader.timeout
        self.sockets, self.processes = [], []
        self.selector = selectors.DefaultSelector()
        try:
            for number in range(loader.num_workers):
                self._start(context, Job(loader, number, base_seed), inherits)
        except BaseException:
            self.stop(0)
            raise

    def _start(self, context, job, inherits):
        mine, theirs = socket.socketpair()
        if self.timeout > 0:
            mine.settimeout(self.timeout)
        self.sockets.append(mine)
        others = list(self.sockets) if inherits else []
        process = context.Process(target=_process_main, args=(job, theirs, others), daemon=True)
        process.start()
        theirs.close()
        self.processes.append(process)
        self.selector.register(mine, selectors.EVENT_READ, (job.id, True))
        self.selector.register(process.sentinel, selectors.EVENT_READ, (job.id, False))

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

    def stop(self, patience=5.0):
        """Ends the processes; those still busy after ``patience`` seconds are killed."""
        if os.getpid() != self.owner:
            return
        for worker in range(len(self.processes)):
            if patience:
                self.sockets[worker].settimeout(1.0)
                self.send(worker, None)
        self.selector.close()
        for connection in self.sockets:
            connection.close()
        deadline = time.monotonic() + patience
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join(1)
        self.sockets, self.processes = [], []


class ThreadWorkers:
    """Worker threads: no copies of the data set, nothing to pickle, no start-up time."""

    def __init__(self, loader, base_seed):
        self.answers, self.tasks = queue.SimpleQueue(), []
        for number in range(loader.num_workers):
            tasks = queue.SimpleQueue()
            job = Job(loader, number, base_seed)
            threading.Thread(
                target=self._run, args=(job, tasks, self.answers), name=f"flambeau-data-{number}", daemon=True
            ).start()
            self.tasks.append(tasks)

    @staticmethod
    def _run(job, tasks, answers):
        work(job, tasks.get, lambda message: answers.put((job.id, message)))

    def send(self, worker, task):
        """Gives a worker a task."""
        self.tasks[worker].put(task)

    def receive(self, timeout):
        """The next answer as ``(worker, message)``, or None after ``timeout`` seconds without one."""
        try:
            return self.answers.get(timeout=timeout)
        except queue.Empty:
            return None

    def describe(self, worker):
        """The worker's name in messages."""
        return f"worker thread {worker}"

    def stop(self, patience=5.0):
        """Tells the threads to end after what they are doing."""
        for tasks in self.tasks:
            tasks.put(None)
