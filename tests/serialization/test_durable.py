"""What happens to files when saving fails: a file is the old one or the new one, whole, and nothing else is left."""

import errno
import io
import os
import pathlib
import pickle
import resource
import signal
import stat
import subprocess
import sys
import threading

import pytest

import flambeau as fl
from flambeau.serialization.atomic import AtomicFile
from flambeau.serialization.safetensors import load_file, save_file

TOOLS = pathlib.Path(__file__).parent.parent.parent / "tools"


def state(value, size=50_000):
    return {"values": fl.full((size,), float(value))}


def value(path):
    return fl.load(path)["values"].max().item()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "files" / "state.pt"
    path.parent.mkdir()
    fl.save(state(1), path)
    return path


def check_untouched(path):
    assert value(path) == 1 and os.listdir(path.parent) == [path.name]


def test_killed_processes_leave_whole_files():
    command = [sys.executable, str(TOOLS / "kill_saves.py"), "--times", "6"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 kills" in done.stdout


class Broken(Exception):
    pass


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt(), Broken()], ids=repr)
@pytest.mark.parametrize("point", ["write", "_take_place", "reserve"])
@pytest.mark.parametrize("save", ["zip", "stream", "safetensors"])
def test_a_failure_at_any_point(path, monkeypatch, error, point, save):
    calls = []

    def fail(self, *args):
        calls.append(args)
        if len(calls) == 2 or point != "write":
            raise error
        return original(self, *args)

    original = getattr(AtomicFile, point)
    monkeypatch.setattr(AtomicFile, point, fail)
    with pytest.raises(type(error)):
        if save == "safetensors":
            save_file(state(2), path)
        else:
            fl.save(state(2), path, _use_new_zipfile_serialization=save == "zip")
    check_untouched(path)


def test_an_interrupt_in_the_middle(path, monkeypatch):
    """Ctrl-C, as a signal to the process while it writes."""
    original = AtomicFile.write

    def write(self, data):
        original(self, data)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(AtomicFile, "write", write)
    with pytest.raises(KeyboardInterrupt):
        fl.save(state(2), path)
    check_untouched(path)


def test_objects_that_cannot_be_pickled(path):
    with pytest.raises((pickle.PicklingError, AttributeError)):
        fl.save([fl.ones(1000), lambda: 1], path)
    check_untouched(path)


def test_a_limit_of_the_file_size(path):
    """As on a full disk: the system refuses to write on."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="state.pt") as caught:
            fl.save(state(2), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.errno == errno.EFBIG
    check_untouched(path)


def test_a_full_disk_is_noticed_before(path, monkeypatch):
    class Disk:
        f_blocks, f_bavail, f_frsize = 1000, 1, 4096

    monkeypatch.setattr(os, "statvfs", lambda folder: Disk)
    with pytest.raises(OSError, match="bytes are to be saved and 4096 are free.*state.pt"):
        fl.save(state(2), path)
    check_untouched(path)


def test_a_device_that_is_full():
    with pytest.raises(OSError, match="No space left on device.*/dev/full"):
        fl.save(state(2), "/dev/full")
    fl.save(state(2), os.devnull)


def test_a_small_disk(tmp_path):
    """A disk of one megabyte, where this user may make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], capture_output=True).returncode
    ):
        return
    try:
        path = disk / "state.pt"
        fl.save(state(1), path)
        with pytest.raises(OSError, match="state.pt"):
            fl.save(state(2, 500_000), path)
        check_untouched(path)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("target", ["folder", "none/x.pt", "file/x.pt"])
def test_paths_that_are_no_files(tmp_path, target):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(
        (RuntimeError, IsADirectoryError), match=r"(Parent directory .* does not exist|that of a folder.*folder)"
    ):
        fl.save(state(2), tmp_path / target)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"] and os.listdir(tmp_path / "folder") == []


def test_folders_without_leave():
    with pytest.raises(OSError, match="/proc/1/state.pt"):
        fl.save(state(2), "/proc/1/state.pt")


def test_permissions_and_links(path):
    path.chmod(0o640)
    link = path.parent.parent / "link.pt"
    link.symlink_to(path)
    fl.save(state(3), link)
    assert link.is_symlink() and value(path) == 3 and stat.S_IMODE(path.stat().st_mode) == 0o640
    dangling = path.parent.parent / "dangling.pt"
    dangling.symlink_to(path.parent / "new.pt")
    fl.save(state(4), dangling)
    assert dangling.is_symlink() and value(path.parent / "new.pt") == 4
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((path.parent / "new.pt").stat().st_mode) == 0o666 & ~mask


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(path):
    dead, other = path.parent / ".state.pt.0123abcd.part", path.parent / ".other.pt.0123abcd.part"
    dead.write_bytes(b"x")
    other.write_bytes(b"x")
    with AtomicFile(path) as living:
        living.write(b"new")
        assert not dead.exists() and os.path.exists(living.target)
        fl.save(state(5), path)
        assert os.path.exists(living.target) and value(path) == 5
    assert path.read_bytes() == b"new"
    assert sorted(os.listdir(path.parent)) == [other.name, path.name]


def test_several_threads_save_to_one_path(path):
    threads = [threading.Thread(target=lambda n=n: [fl.save(state(n), path) for _ in range(10)]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(path) in range(4) and os.listdir(path.parent) == [path.name]


def test_folders_that_cannot_be_synchronized(path, monkeypatch):
    original = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "no")
        original(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    fl.save(state(6), path)
    assert value(path) == 6


def test_files_and_folders_are_synchronized_in_order(path, monkeypatch):
    order, fsync, replace = [], os.fsync, os.replace

    def note_fsync(handle):
        order.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", lambda *names: (order.append("replace"), replace(*names)))
    fl.save(state(7), path)
    assert order == ["file", "replace", "folder"]


def test_long_and_strange_names(tmp_path):
    for name in ("a" * 255, "\u00e4" * 127, "with space.pt", "-", "\udcff.pt"):
        fl.save(state(8), tmp_path / name)
        assert value(tmp_path / name) == 8
    save_file(state(9), os.fsencode(tmp_path / "bytes"))
    assert load_file(tmp_path / "bytes")["values"].max().item() == 9
    assert len(os.listdir(tmp_path)) == 6


@pytest.mark.parametrize("legacy", [False, True])
def test_file_objects_that_cannot_be_written(tmp_path, legacy):
    options = {"_use_new_zipfile_serialization": not legacy}
    closed = open(tmp_path / "x", "wb")
    closed.close()
    with pytest.raises(ValueError, match="closed"):
        fl.save(state(1), closed, **options)
    with open(tmp_path / "x", "rb") as reading, pytest.raises(io.UnsupportedOperation):
        fl.save(state(1), reading, **options)
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError), os.fdopen(writing, "wb", buffering=0) as pipe:
        fl.save(state(1), pipe, **options)


def test_through_a_pipe():
    reading, writing = os.pipe()
    received = []
    with os.fdopen(reading, "rb") as source:
        thread = threading.Thread(target=lambda: received.append(source.read()))
        thread.start()
        with os.fdopen(writing, "wb", buffering=0) as sink:
            fl.save(state(1), sink)
        thread.join()
    assert fl.load(io.BytesIO(received[0]))["values"].shape == (50_000,)


# ---------------------------------------------------------------- how much is saved


def saved(obj):
    file = io.BytesIO()
    fl.save(obj, file)
    size = file.tell()
    file.seek(0)
    return size, fl.load(file)


def used(tensors):
    """The bytes that tensors use, those that several use once."""
    places = set()
    for tensor in tensors:
        offsets = [tensor.storage_offset()]
        for size, stride in zip(tensor.shape, tensor.stride()):
            offsets = [offset + step * stride for offset in offsets for step in range(size)]
        places.update(offsets)
    return len(places) * tensors[0].element_size()


VIEWS = [
    lambda x: [x[0], x[999]],
    lambda x: [x[:, 3], x[:, 900]],
    lambda x: [x[:, 2:5], x[:, 4:8]],
    lambda x: [x[:, 2:5], x[:, 4:8], x[10:20, 3], x[0, 2:8]],
    lambda x: [x[::2], x[1::2, :10]],
    lambda x: [x[100:200], x[150:250], x[900]],
    lambda x: [x.t()[7], x[:, 7], x[40:50, 7:8].t()],
    lambda x: [x[3, 4], x[:0], x[5:6, :0]],
    lambda x: [x[7].expand(9, 1000), x[7, 5:9]],
    lambda x: [x[::7, ::9]],
    lambda x: [x.view(100, 10, 1000)[::3, 4, 20:40], x[0, :10]],
    lambda x: [x[500:, 900:], x[990:, 990:]],
]


@pytest.mark.parametrize("take", VIEWS, ids=range(len(VIEWS)))
def test_only_what_is_used_is_saved_and_sharing_is_kept(take):
    views = take(fl.arange(1e6).view(1000, 1000))
    size, loaded = saved(views)
    assert size <= used(views) + 4096
    for view, other in zip(views, loaded, strict=True):
        assert other.tolist() == view.tolist()
    for view, other in zip(views, loaded, strict=True):  # a write shows wherever it shows in the original
        if view.numel():
            view.add_(0.5) if 0 not in view.stride() else view[0].add_(0.5)
            other.add_(0.5) if 0 not in other.stride() else other[0].add_(0.5)
    for view, other in zip(views, loaded, strict=True):
        assert other.tolist() == view.tolist()


def test_the_row_of_a_large_tensor():
    base = fl.rand(1000, 1024)
    size, loaded = saved({"row": base[5], "again": base[5], "part": base[5, 10:]})
    assert size <= 4096 + 4096
    loaded["row"].zero_()
    assert loaded["again"].sum().item() == loaded["part"].sum().item() == 0


def test_a_row_and_columns_that_cross_keep_all_between_them():
    """No smaller layout has both with a constant stride: what is lost is space."""
    base = fl.arange(1e4).view(100, 100)
    size, (column, row) = saved([base[:, 3], base[5]])
    assert size <= 40_000 + 4096
    row.zero_()
    assert column[5].item() == 0 and column[6].item() == 603
