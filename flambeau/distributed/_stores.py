"""Stores: small dictionaries that several processes share, over TCP, in a file or in memory."""

import contextlib
import os
import socket
import struct
import threading
import time
from datetime import timedelta

__all__ = ["DistNetworkError", "DistStoreError", "FileStore", "HashStore", "PrefixStore", "Store", "TCPStore"]

default_pg_timeout = timedelta(minutes=30)
_MOST = 1 << 34  # bytes of one message


class DistError(RuntimeError):
    """An error of torch.distributed.

    >>> issubclass(flambeau.distributed.DistError, RuntimeError)
    True
    """


class DistBackendError(DistError):
    """An error of a collective operation.

    >>> issubclass(flambeau.distributed.DistBackendError, RuntimeError)
    True
    """


class DistNetworkError(DistError):
    """A connection cannot be made, or broke.

    >>> issubclass(flambeau.distributed.DistNetworkError, RuntimeError)
    True
    """


class DistStoreError(DistError):
    """A store does not answer in time.

    >>> issubclass(flambeau.distributed.DistStoreError, RuntimeError)
    True
    """


def _seconds(timeout):
    return timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)


def _as_bytes(value):
    return value.encode() if isinstance(value, str) else bytes(value)


class Store:
    """A dictionary of bytes whose `get` waits until the key is there.

    >>> store = flambeau.distributed.HashStore()
    >>> store.set("key", "value")
    >>> store.get("key"), store.add("count", 2), store.num_keys()
    (b'value', 2, 2)
    """

    timeout = default_pg_timeout

    def set_timeout(self, timeout):
        """How long `get` and `wait` wait."""
        self.timeout = timeout

    def set(self, key, value):
        """Store text or bytes under a key."""
        self._call(b"set", key, _as_bytes(value))

    def get(self, key):
        """The bytes of a key; waits until it is there.

        Raises:
            DistStoreError: it is not there in time.
        """
        return self._call(b"get", key, b"")

    def add(self, key, amount):
        """Add to a number, 0 at first; returns the sum."""
        return int(self._call(b"add", key, str(int(amount)).encode()))

    def append(self, key, value):
        """Add bytes to the end of what a key holds."""
        self._call(b"app", key, _as_bytes(value))

    def compare_set(self, key, expected_value, desired_value):
        """Store a value if the present one is the expected one; returns what is there then."""
        expected = _as_bytes(expected_value)
        content = struct.pack("<I", len(expected)) + expected + _as_bytes(desired_value)
        return self._call(b"cas", key, content)

    def delete_key(self, key):
        """Delete a key; returns whether it was there."""
        return self._call(b"del", key, b"") == b"1"

    def num_keys(self):
        """How many keys there are."""
        return int(self._call(b"num", "", b""))

    def check(self, keys):
        """Whether all keys are there."""
        return all(self._call(b"has", key, b"") == b"1" for key in keys)

    def wait(self, keys, timeout=None):
        """Wait until all keys are there.

        Raises:
            DistStoreError: they are not there in time.
        """
        end = time.monotonic() + _seconds(timeout or self.timeout)
        pause = 0.0005
        while not self.check(keys):
            if time.monotonic() > end:
                raise DistStoreError(
                    f"wait timeout after {_seconds(timeout or self.timeout):g} s, keys: {', '.join(keys)}"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def multi_set(self, keys, values):
        """Store several values."""
        for key, value in zip(keys, values, strict=True):
            self.set(key, value)

    def multi_get(self, keys):
        """The bytes of several keys."""
        return [self.get(key) for key in keys]

    def _call(self, what, key, content):
        raise NotImplementedError


class _Table:
    """The dictionary itself, with a lock."""

    def __init__(self):
        self.values = {}
        self.changed = threading.Condition()

    def call(self, what, key, content, timeout):
        """Do one operation; returns bytes, or None if a key was not there in time."""
        with self.changed:
            if what == b"get":
                there = self.changed.wait_for(lambda: key in self.values, timeout)
                return self.values[key] if there else None
            result = getattr(self, f"_{what.decode()}")(key, content)
            self.changed.notify_all()
            return result

    def _set(self, key, content):
        self.values[key] = content
        return b""

    def _app(self, key, content):
        self.values[key] = self.values.get(key, b"") + content
        return b""

    def _add(self, key, content):
        self.values[key] = str(int(self.values.get(key, b"0")) + int(content)).encode()
        return self.values[key]

    def _cas(self, key, content):
        (length,) = struct.unpack_from("<I", content)
        expected, desired = content[4 : 4 + length], content[4 + length :]
        if self.values.get(key, b"") == expected:
            self.values[key] = desired
        return self.values.get(key, expected)

    def _del(self, key, content):
        return b"1" if self.values.pop(key, None) is not None else b"0"

    def _num(self, key, content):
        return str(len(self.values)).encode()

    def _has(self, key, content):
        return b"1" if key in self.values else b"0"


class HashStore(Store):
    """A store in the memory of one process.

    >>> flambeau.distributed.HashStore().add("count", 1)
    1
    """

    def __init__(self):
        self._table = _Table()

    def _call(self, what, key, content):
        result = self._table.call(what, key, content, _seconds(self.timeout))
        if result is None:
            raise DistStoreError(f"wait timeout after {_seconds(self.timeout):g} s, keys: {key}")
        return result


def _send(connection, *parts):
    head = struct.pack(f"<B{len(parts)}Q", len(parts), *map(len, parts))
    connection.sendall(head + b"".join(parts))


def _receive_exactly(connection, count):
    buffer = bytearray(count)
    view, done = memoryview(buffer), 0
    while done < count:
        got = connection.recv_into(view[done:], min(count - done, 1 << 20))
        if got == 0:
            raise ConnectionError("the connection was closed")
        done += got
    return bytes(buffer)


def _receive(connection):
    (count,) = _receive_exactly(connection, 1)
    if count > 4:
        raise ConnectionError("not a message of a store")
    sizes = struct.unpack(f"<{count}Q", _receive_exactly(connection, 8 * count))
    if sum(sizes) > _MOST:
        raise ConnectionError("not a message of a store")
    return [_receive_exactly(connection, size) for size in sizes]


class _Server:
    """Answers the clients of a TCPStore, each in a thread."""

    def __init__(self, port, listen_fd=None):
        self.table = _Table()
        family = socket.AF_INET
        self.socket = socket.socket(family, fileno=listen_fd) if listen_fd is not None else socket.socket(family)
        if listen_fd is None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self.socket.bind(("", port))
            except OSError as error:
                self.socket.close()
                raise DistNetworkError(f"[TCPStore] the server cannot listen on port {port}: {error}") from error
            self.socket.listen(128)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True, name="flambeau TCPStore").start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(ConnectionError, OSError, struct.error, ValueError), connection:
            while True:
                what, key, content, timeout = _receive(connection)
                if what not in (b"set", b"get", b"add", b"app", b"cas", b"del", b"num", b"has"):
                    return
                result = self.table.call(what, key.decode(), content, float(timeout))
                _send(connection, b"timeout" if result is None else b"", result or b"")

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()


class TCPStore(Store):
    """A store that one process serves over TCP.

    Args:
        host_name, port: where the server is; port 0 lets the system choose one (see `port`).
        world_size: how many processes use it, with wait_for_workers.
        is_master: whether this process is the server.
        timeout: how long to wait for a connection and for keys.
        wait_for_workers: the server waits until all have connected.

    >>> server = flambeau.distributed.TCPStore("127.0.0.1", 0, is_master=True)
    >>> client = flambeau.distributed.TCPStore("127.0.0.1", server.port)
    >>> client.set("key", "value")
    >>> server.get("key")
    b'value'
    """

    def __init__(self, host_name, port, world_size=None, is_master=False, timeout=default_pg_timeout, wait_for_workers=True,
                 multi_tenant=False, master_listen_fd=None, use_libuv=True):  # fmt: skip
        self.host, self.timeout = host_name, timeout
        self._server = _Server(port, master_listen_fd) if is_master else None
        self.port = self._server.port if is_master else port
        self._lock = threading.Lock()
        self._connection = self._connect()
        if wait_for_workers and world_size:
            self.add("_workers", 1)
            if is_master:
                self._wait_for(world_size)

    def _wait_for(self, world_size):
        end = time.monotonic() + _seconds(self.timeout)
        while self.add("_workers", 0) < world_size:
            if time.monotonic() > end:
                count = self.add("_workers", 0)
                raise DistStoreError(f"Timed out after {_seconds(self.timeout):g} seconds waiting for clients. {count}/{world_size} clients joined.")  # fmt: skip
            time.sleep(0.005)

    def _connect(self):
        end, pause = time.monotonic() + _seconds(self.timeout), 0.01
        while True:
            try:
                connection = socket.create_connection((self.host, self.port), timeout=max(0.1, end - time.monotonic()))
                connection.settimeout(None)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connection
            except OSError as error:
                if time.monotonic() + pause > end or isinstance(error, socket.gaierror):
                    raise DistNetworkError(
                        f"[TCPStore] The client socket has timed out after {_seconds(self.timeout):g} s while trying to connect to "
                        f"({self.host}, {self.port}): {error}"
                    ) from error
                time.sleep(pause)
                pause = min(pause * 2, 0.5)

    def _call(self, what, key, content):
        wait = _seconds(self.timeout)
        with self._lock:
            try:
                _send(self._connection, what, key.encode(), content, str(wait).encode())
                failed, result = _receive(self._connection)
            except OSError as error:
                raise DistNetworkError(
                    f"[TCPStore] the connection to the server at {self.host}:{self.port} broke: {error}"
                ) from error
        if failed:
            raise DistStoreError(f"wait timeout after {wait:g} s, keys: {key}")
        return result

    def clone(self):
        """Another connection to the same server."""
        return TCPStore(self.host, self.port, timeout=self.timeout, wait_for_workers=False)

    def __del__(self):
        if hasattr(self, "_connection"):
            self.close()

    def close(self):
        """Close the connection, and the server if it is here."""
        with contextlib.suppress(OSError):
            self._connection.close()
        if self._server is not None:
            self._server.close()


class FileStore(Store):
    """A store in a file that all processes can write to.

    >>> import tempfile
    >>> store = flambeau.distributed.FileStore(tempfile.mktemp(), 1)
    >>> store.set("key", "value")
    >>> store.get("key")
    b'value'
    """

    def __init__(self, file_name, world_size=-1):
        self.path, self.world_size = str(file_name), world_size
        open(self.path, "ab").close()

    @contextlib.contextmanager
    def _locked(self):
        import fcntl

        with open(self.path, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            table = _Table()
            data, place = file.read(), 0
            while place < len(data):
                key_size, size = struct.unpack_from("<QQ", data, place)
                place += 16
                key = data[place : place + key_size].decode()
                table.values[key] = data[place + key_size : place + key_size + size]
                place += key_size + size
            before = dict(table.values)
            yield table
            if table.values != before:
                file.seek(0)
                file.truncate()
                for key, value in table.values.items():
                    name = key.encode()
                    file.write(struct.pack("<QQ", len(name), len(value)) + name + value)

    def _call(self, what, key, content):
        if what == b"get":
            self.wait([key])
        with self._locked() as table:
            result = table.call(what, key, content, 0)
        if result is None:
            raise DistStoreError(f"wait timeout, keys: {key}")
        return result


class PrefixStore(Store):
    """A part of another store: its keys begin with a prefix.

    >>> store = flambeau.distributed.HashStore()
    >>> flambeau.distributed.PrefixStore("a", store).set("key", "value")
    >>> store.get("a/key")
    b'value'
    """

    def __init__(self, prefix, store):
        self.prefix, self.underlying_store = prefix, store
        self.timeout = store.timeout

    def set_timeout(self, timeout):
        """How long `get` and `wait` wait."""
        self.timeout = timeout
        self.underlying_store.set_timeout(timeout)

    def _call(self, what, key, content):
        return self.underlying_store._call(what, f"{self.prefix}/{key}" if key or what != b"num" else "", content)


def store_of_environment(rank, world_size, timeout):
    """The store that MASTER_ADDR and MASTER_PORT name."""
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if name not in os.environ:
            raise ValueError(
                f"Error initializing torch.distributed using env:// rendezvous: environment variable {name} expected, but not set"
            )
    return TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), world_size, rank == 0, timeout)
