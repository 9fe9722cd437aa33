"""Files that are truncated, corrupt or made to do harm end in clear errors."""

import collections
import io
import os
import pathlib
import pickle
import random
import struct
import subprocess
import sys
import time
import zipfile

import pytest

import flambeau as fl
from flambeau.serialization.unpickler import DataUnpickler

ERRORS = (pickle.UnpicklingError, RuntimeError, EOFError)


def archive(data, records=(), compression=zipfile.ZIP_STORED):
    """A checkpoint with the given pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as out:
        out.writestr("archive/data.pkl", data)
        for name, content in records:
            out.writestr(f"archive/{name}", content)
        out.writestr("archive/version", "3\n")
    file.seek(0)
    return file


def interpret(data):
    return DataUnpickler(data, lambda saved: (fl.zeros(16, dtype=fl.uint8), fl.float32)).load()


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "call",
    [
        Call(os.system, "echo pwned"),
        Call(eval, "1"),
        Call(getattr, [], "append"),
        Call(__import__, "os"),
        Call(pickle.loads, b"N."),
        Call(collections.defaultdict, os.getcwd),
        Call(open, "/etc/passwd"),
    ],
    ids=lambda call: call.call[0].__name__,
)
def test_nothing_is_run(call, protocol):
    with pytest.raises(pickle.UnpicklingError, match="Unsupported global"):
        fl.load(archive(pickle.dumps({"weights": call}, protocol)))


GLOBAL = b"\x80\x02c"


@pytest.mark.parametrize(
    "data, text",
    [
        (GLOBAL + b"torch.serialization\nload\n.", "Unsupported global: GLOBAL torch.serialization.load"),
        (GLOBAL + b"torch._utils\n__builtins__\n.", "Unsupported global"),
        (GLOBAL + b"collections\nOrderedDict.__init__\n.", "Unsupported global"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "Unsupported global: GLOBAL posix.system"),
        (b"(S'x'\nios\nsystem\n.", "pickle opcode 0x69"),
        (b"(cos\nsystem\no.", "Unsupported global"),
        (b"\x80\x02\x82\x01.", "pickle opcode 0x82"),
        (b"\x80\x02P1\n.", "pickle opcode 0x50"),
        (b"\x80\x02}X\x01\x00\x00\x00aK\x01", "the pickle ends"),
        (b"\x80\x02X\xff\xff\xff\x7fabc.", "in the middle of a value"),
        (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.", "in the middle of a value"),
        (b"\x80\x02\x8b\xff\xff\xff\xff.", "in the middle of a value"),
        (b"\x80\x02h\x07.", "breaks at byte"),
        (b"\x80\x02a.", "breaks at byte"),
        (b"\x80\x02K\x01]a.", "elements for a int"),
        (b"\x80\x02K\x01K\x02K\x03s.", "items for a int"),
        (b"\x80\x02K\x01)R.", "a call of 1"),
        (b"\x80\x02K\x01}b.", "a state for a int"),
        (b"\x80\x02}]K\x01s.", "a key of type list"),
        (GLOBAL + b"torch\nSize\n(K\x01X\x01\x00\x00\x00at\x85R.", "a strange size"),
        (GLOBAL + b"numpy\ndtype\nX\x01\x00\x00\x00O\x85R.", "a numpy dtype"),
        (GLOBAL + b"_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00utf-7\x86R.", "bytes in"),
        (b"\x80\x02I" + b"9" * 5000 + b"\n.", "breaks at byte"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_hostile_pickles(data, text):
    with pytest.raises(pickle.UnpicklingError, match=text):
        interpret(data)
    with pytest.raises(ERRORS):
        fl.load(archive(data))


def tensor_pickle(storage_count=4, offset=0, size=(4,), stride=(1,), key="0", kind="FloatStorage"):
    """A pickle with one tensor of the given description."""

    def ints(values):
        return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", value) for value in values) + b"t"

    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    storage = (
        b"("
        + text("storage")
        + b"ctorch\n"
        + kind.encode()
        + b"\n"
        + text(key)
        + text("cpu")
        + b"\x8a\x08"
        + struct.pack("<q", storage_count)
        + b"tQ"
    )
    return (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"\x8a\x08"
        + struct.pack("<q", offset)
        + ints(size)
        + ints(stride)
        + b"\x89ccollections\nOrderedDict\n)RtR."
    )


def test_the_honest_tensor_loads():
    data = struct.pack("<4f", 1, 2, 3, 4)
    assert fl.load(archive(tensor_pickle(), [("data/0", data)])).tolist() == [1, 2, 3, 4]
    deflated = archive(tensor_pickle(), [("data/0", data)], zipfile.ZIP_DEFLATED)
    assert fl.load(deflated).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "description",
    [
        {"size": (5,)},
        {"offset": 1},
        {"offset": -1},
        {"offset": 2**62},
        {"size": (-1,)},
        {"size": (2**40, 2**40), "stride": (2**40, 1)},
        {"size": (2**62,), "stride": (2**62,)},
        {"stride": (-1,)},
        {"size": (2, 2), "stride": (1,)},
        {"size": (1,) * 65, "stride": (1,) * 65},
        {"storage_count": 5},
        {"storage_count": 2**61},
        {"storage_count": -1},
        {"key": "1"},
        {"key": "../../etc/passwd"},
        {"kind": "DoubleStorage"},
        {"kind": "float32"},
    ],
    ids=str,
)
def test_hostile_tensors(description):
    with pytest.raises(ERRORS):
        fl.load(archive(tensor_pickle(**description), [("data/0", struct.pack("<4f", 1, 2, 3, 4))]))


def state():
    return {"a": fl.arange(1000.0), "b": [fl.ones(3, 3), {"c": fl.zeros(2, dtype=fl.int64)}], "d": "text", "e": 2**80}


def whole_file():
    file = io.BytesIO()
    fl.save(state(), file)
    return file.getvalue()


def test_truncated_files():
    whole = whole_file()
    for length in [*range(0, 400, 7), *range(400, len(whole), 97), len(whole) - 1]:
        with pytest.raises(ERRORS):
            fl.load(io.BytesIO(whole[:length]))
        with pytest.raises(ERRORS):
            fl.load(io.BytesIO(whole[length + 1 :]))


def test_a_changed_pickle_is_noticed():
    whole = bytearray(whole_file())
    whole[whole.index(b"text")] ^= 1
    with pytest.raises(RuntimeError, match="does not match its checksum"):
        fl.load(io.BytesIO(bytes(whole)))


def test_overlapping_records():
    """A small file whose table of contents names the same bytes a thousand times."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("archive/data.pkl", b"N.")
        out.writestr("archive/data/0", b"x" * 100_000)
        entry = out.infolist()[1]
        for number in range(1000):
            clone = zipfile.ZipInfo(f"archive/data/{number + 1}")
            clone.header_offset, clone.file_size, clone.compress_size = entry.header_offset, 100_000, 100_000
            clone.CRC = entry.CRC
            out.filelist.append(clone)
        out._didModify = True
    file.seek(0)
    with pytest.raises(RuntimeError, match="claim more bytes than the file has"):
        fl.load(file)


def test_shared_tuples_do_not_take_for_ever():
    doubling = b"\x80\x02)" + b"q\x00h\x00\x86" * 60
    interpret(doubling + b".")
    with pytest.raises(pickle.UnpicklingError, match="a key of type tuple"):
        interpret(b"\x80\x02}" + doubling[2:] + b"K\x01s.")


@pytest.mark.parametrize("seed", range(4))
def test_mutated_files(seed):
    random.seed(seed)
    whole = whole_file()
    pickled = zipfile.ZipFile(io.BytesIO(whole)).read("archive/data.pkl")
    for number in range(250):
        data = bytearray(pickled if number % 2 else whole)
        for _ in range(random.choice((1, 2, 5))):
            place = random.randrange(len(data))
            action = random.random()
            if action < 0.6:
                data[place] = random.randrange(256)
            elif action < 0.8:
                del data[place : place + random.randrange(1, 20)]
            else:
                data[place:place] = bytes(random.randrange(256) for _ in range(random.randrange(1, 5)))
        try:
            interpret(bytes(data)) if number % 2 else fl.load(io.BytesIO(bytes(data)))
        except ERRORS:
            pass


def test_the_fuzzer():
    """A part of what tools/fuzz_checkpoints.py draws; it watches for crashes, hangs and code that runs."""
    tool = pathlib.Path(__file__).parent.parent.parent / "tools" / "fuzz_checkpoints.py"
    command = [sys.executable, str(tool), "--draws", "300", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 findings" in done.stdout


WORK = b"\x80\x02](" + b"K\x01" * 50_000 + b"eq\x010"


@pytest.mark.parametrize(
    "data",
    [
        WORK + b"cbuiltins\nset\nh\x01\x85R0" * 5000 + b"N.",
        WORK + b"cbuiltins\nset\nq\x0200" + b"h\x02h\x01\x85R0" * 5000 + b"N.",
        b"\x80\x02c_codecs\nencode\nq\x01X"
        + struct.pack("<I", 10**6)
        + b"a" * 10**6
        + b"q\x0200"
        + b"h\x01h\x02\x85R0" * 9000
        + b"N.",
        b"\x80\x02" + b"(" * 10**6 + b"N.",
        b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".",
    ],
    ids=range(5),
)
def test_little_files_take_little_time(data):
    start = time.process_time()
    try:
        interpret(data)
    except pickle.UnpicklingError as error:
        assert "again and again" in str(error) or "breaks" in str(error)
    assert time.process_time() - start < 5


def test_compressed_bombs():
    bomb = archive(tensor_pickle(storage_count=1 << 26), [("data/0", bytes(1 << 28))], zipfile.ZIP_DEFLATED)
    assert len(bomb.getvalue()) < 1 << 20
    with pytest.raises(RuntimeError, match="decompress the archive first"):
        fl.load(bomb)


def test_records_with_one_name():
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = archive(tensor_pickle(), [("data/0", bytes(16)), ("data/0", bytes(16))])
    with pytest.raises(RuntimeError, match="two records named"):
        fl.load(twice)
