"""Loads mutated checkpoint files: `python tools/fuzz_checkpoints.py --draws 10000 --seed 1`; `--only N` shows one draw.

A draw takes a file of one of the formats (zip archives of ours and torch's, the two older formats, safetensors) and changes
its bytes, its records or its pickle. Loading must give an object whose tensors can be read, or an error of a short list that
names the file; in time, in bounded memory, and without running, importing or opening anything: an audit hook watches.
Work is done in child processes, so that a crash is a finding.
"""

import argparse
import collections
import contextlib
import io
import itertools
import json
import os
import pickle
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # for the tests' formats; behind an installed flambeau
SECONDS, MEMORY = 10, 1 << 30
LOOKED_AT = 3000  # opcodes of a pickle among which one is chosen
NUMBERS = (
    0,
    1,
    -1,
    7,
    255,
    1 << 15,
    -(1 << 31),
    (1 << 31) - 1,
    1 << 32,
    (1 << 62) + 1,
    (1 << 63) - 1,
    -(1 << 63),
    1 << 70,
)
FORBIDDEN = (
    "os.",
    "subprocess.",
    "socket.",
    "shutil.",
    "ctypes.dlopen",
    "pty.",
    "webbrowser.",
    "code.",
    "exec",
)
HARMLESS = ("os.listdir", "os.scandir", "os.walk", "os.fspath")


# ---------------------------------------------------------------- what is mutated


def sources():
    """{name: bytes}: a file of each format."""
    import flambeau as fl
    from tests.serialization.formats import archive, stored, stream, tar, tensor

    base = fl.arange(60.0).reshape(6, 10)
    model = fl.nn.Sequential(fl.nn.Linear(4, 3), fl.nn.BatchNorm1d(3))
    optimizer = fl.optim.Adam(model.parameters())
    model(fl.ones(5, 4)).sum().backward()
    optimizer.step()
    state = {"all": base, "row": base[1], "half": fl.ones(5).half(), "bits": fl.tensor([1, 2]).to(fl.uint16)}
    state |= {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "sparse": fl.eye(3).to_sparse()}
    state |= {"csr": fl.eye(3).to_sparse_csr(), "nested": fl.nested.nested_tensor([fl.ones(2), fl.ones(3)])}
    state |= {"plain": [1, 2.5, "text", None, True, b"bytes", {1, 2}, (3, 4), 1 << 70, collections.OrderedDict(a=1)]}
    found = {}
    for name, options in (
        ("zip", {}),
        ("zip4", {"pickle_protocol": 4}),
        ("stream", {"_use_new_zipfile_serialization": False}),
    ):
        file = io.BytesIO()
        fl.save(state, file, **options)
        found[name] = file.getvalue()
    six = struct.pack("<6f", *range(6))
    one = [tensor(stored("FloatStorage", "0", 6), 0, (2, 3), (3, 1)), {"a": 1}]
    found["deflated"] = archive(one, {"0": six}, method=zipfile.ZIP_DEFLATED)
    found["big"] = archive(one, {"0": six}, byteorder="big")
    view = stored("FloatStorage", "0", 6, ("7", 2, 3))
    found["views"] = stream([tensor(view, 0, (3,), (1,))], {"0": (6, six)})
    tensors = [(11, 1, 1, (2, 2), (2, 1)), (12, 2, 0, (2,), (1,))]
    found["tar"] = tar({"n": [1, 2]}, [(1, "FloatStorage", 6, six)], tensors, [(2, 1, 1, 3)])
    for path in sorted((ROOT / "tests" / "recorded").glob("torch*.pt")):
        found[path.stem] = path.read_bytes()
    path = Path(tempfile.mkdtemp()) / "x.safetensors"
    from flambeau.serialization.safetensors import save_file

    save_file({"a": base, "b": fl.ones(3, dtype=fl.int64), "c": fl.tensor(True)}, path, {"made by": "a fuzzer"})
    found["safetensors"] = path.read_bytes()
    return found


class Evil:
    """Pickles as a call that must not happen."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return random.choice(
            [
                (os.system, (f"touch {self.canary}",)),
                (eval, (f"open({self.canary!r}, 'w')",)),
                (exec, (f"open({self.canary!r}, 'w')",)),
                (open, (self.canary, "w")),
                (subprocess.Popen, (["touch", self.canary],)),
                (getattr, ("x", "upper")),
                (__import__, ("antigravity",)),
                (Path.touch, (Path(self.canary),)),
            ]
        )


# ---------------------------------------------------------------- mutations of bytes


def flip(data, rng):
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        data[rng.randrange(len(data))] = rng.randrange(256)


def cut(data, rng):
    del data[rng.randrange(len(data)) :]


def remove(data, rng):
    place = rng.randrange(len(data))
    del data[place : place + rng.choice((1, 4, 100, 5000))]


def insert(data, rng):
    place = rng.randrange(len(data) + 1)
    data[place:place] = rng.randbytes(rng.choice((1, 4, 100)))


def repeat(data, rng):
    place, size = rng.randrange(len(data)), rng.choice((10, 100, 1000))
    data[place:place] = data[place : place + size] * rng.choice((1, 3))


def number(data, rng):
    """A number of 1 to 8 bytes becomes an extreme one."""
    width = rng.choice((1, 2, 4, 8))
    place = rng.randrange(max(1, len(data) - width))
    data[place : place + width] = (rng.choice(NUMBERS) % (1 << 8 * width)).to_bytes(width, "little")


def table(data, rng):
    """The same in the table of contents of an archive, or in the last bytes of a file."""
    place = rng.randrange(max(0, len(data) - 600), len(data))
    part = bytearray(data[place:])
    if part:
        rng.choice((flip, number))(part, rng)
    data[place:] = part


BYTES = (flip, flip, cut, remove, insert, repeat, number, number, table)


# ---------------------------------------------------------------- mutations of pickles


def opcodes(data):
    """Where the opcodes of a pickle begin."""
    import pickletools

    places = [0]
    with contextlib.suppress(Exception):
        places += [place for _, _, place in itertools.islice(pickletools.genops(bytes(data)), LOOKED_AT)]
    return places


def _int(value):
    return b"\x8a\x0c" + value.to_bytes(12, "little", signed=True)


def pickle_insert(data, rng):
    """An opcode, with an argument or without, somewhere between two."""
    place = rng.choice(opcodes(data))
    pieces = [bytes([rng.choice(b"(012.NRQb]}ltdaseu)\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98io")])]
    pieces += [_int(rng.choice(NUMBERS)), b"K" + rng.randbytes(1), b"h" + rng.randbytes(1), b"q" + rng.randbytes(1)]
    pieces += [b"j" + rng.randbytes(4), b"r" + rng.randbytes(4), b"X\xff\xff\xff\x7f", b"P1\n", b"I99\n", b"V\\u00e4\n"]
    pieces += [
        b"cos\nsystem\n",
        b"ctorch\nload\n",
        b"cbuiltins\neval\n",
        b"\x8c\x02os\x8c\x06system\x93",
        b"S'x'\n",
        b"\x82\x01",
    ]
    pieces += [
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ccollections\nOrderedDict\n",
        b"cbuiltins\nset\n",
        b"cnumpy\ndtype\n",
    ]
    data[place:place] = rng.choice(pieces)


def pickle_number(data, rng):
    """A number of the pickle becomes an extreme one: sizes, strides, offsets, counts."""
    import pickletools

    places, kinds = [], ("BININT1", "BININT2", "BININT", "LONG1")
    with contextlib.suppress(Exception):
        for opcode, _, place in itertools.islice(pickletools.genops(bytes(data)), LOOKED_AT):
            places += [place] if opcode.name in kinds else []
    if not places:
        return flip(data, rng)
    place = rng.choice(places)
    width = {0x4B: 2, 0x4D: 3, 0x4A: 5}.get(data[place], 2 + data[place + 1])
    data[place : place + width] = _int(rng.choice(NUMBERS))
    return None


def pickle_text(data, rng):
    """A text becomes another one: keys, locations, names of globals."""
    texts = (
        b"../../etc/passwd",
        b"/etc/passwd",
        b"\x00",
        b"",
        b"storage",
        b"cuda:0",
        b"data.pkl",
        b"0" * 5000,
        b"\xff\xfe",
    )
    place = data.find(b"X", rng.randrange(len(data)))
    if place >= 0 and place + 5 < len(data):
        size, text = struct.unpack_from("<I", data, place + 1)[0], rng.choice(texts)
        data[place : place + 5 + min(size, 100)] = b"X" + struct.pack("<I", len(text)) + text


def pickle_bomb(data, rng):
    """Deep, wide or doubling structures in front of the rest."""
    depth = rng.choice((1000, 50_000))
    data[2:2] = rng.choice(
        [
            b"(" * depth,
            b"]" * depth + b"a" * (depth - 1) + b"0",
            b"}" + b"K\x01}" * depth + b"s" * depth + b"0",
            b")" + b"q\x00h\x00\x86" * rng.choice((40, 2000)) + b"0",
            b"N" + b"".join(b"r" + struct.pack("<I", n * 65537 % (1 << 32)) for n in range(depth)) + b"0",
            b"](" + b"K\x01" * depth + b"eq\xfe0" + b"cbuiltins\nset\nh\xfe\x85R0" * 400,
            b"c_codecs\nencode\nX" + struct.pack("<I", depth) + b"a" * depth + b"q\xfeX\x05\x00\x00\x00utf-8q\xfd\x86R0"
            + b"c_codecs\nencode\nh\xfeh\xfd\x86R0" * 400,
            b"\x8b" + struct.pack("<i", depth) + b"\xff" * depth + b"0",
            b"2" * depth,
            b"I" + b"9" * depth + b"\n0",
            b"(" + b"N" * depth + b"t\x85" + b"\x85" * depth + b"}h\x00s0",
        ]
    )  # fmt: skip


def pickle_evil(data, rng, canary="canary"):
    """A call of what could do harm."""
    random.seed(rng.random())
    evil = pickle.dumps(Evil(canary), rng.choice((0, 1, 2, 3, 4)))
    place = rng.choice(opcodes(data))
    body = evil[2:-1] if evil[:1] == b"\x80" else evil[:-1]
    data[place:place] = body + rng.choice((b"0", b""))


PICKLES = (
    pickle_insert,
    pickle_insert,
    pickle_number,
    pickle_number,
    pickle_text,
    pickle_bomb,
    pickle_evil,
    flip,
    remove,
)


# ---------------------------------------------------------------- mutations of archives


def rebuilt(data, rng):
    """The archive again, with right checksums, after a change of its pickle or of its records."""
    try:
        with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
            records = [[entry.filename, bytearray(archive.read(entry))] for entry in archive.infolist()]
    except Exception:
        return None
    what = rng.random()
    if what < 0.7:
        for record in records:
            if record[0].endswith("data.pkl"):
                for _ in range(rng.choice((1, 1, 2, 4))):
                    if record[1]:
                        rng.choice(PICKLES)(record[1], rng)
    else:
        change_records(records, rng)
    return zipped(records, rng)


def change_records(records, rng):
    """Records that are missing, twice there, renamed, longer or shorter."""
    record = rng.choice(records)
    action = rng.randrange(6)
    if action == 0:
        records.remove(record)
    elif action == 1:
        records.append([record[0], bytearray(b"other")])
    elif action == 2:
        record[0] = rng.choice(
            ("../../x", "/etc/passwd", "archive/constants.pkl", "x\x00y", "archive/", "", record[0] + "/")
        )
    elif action == 3:
        record[1] += rng.randbytes(rng.choice((1, 100)))
    elif action == 4:
        del record[1][: rng.choice((1, 8, 10**6))]
    else:
        rng.shuffle(records)


def zipped(records, rng):
    """An archive of records, some of them odd: compressed, bombs, links, comments, wrong sizes and places."""
    file = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if rng.random() < 0.3 else zipfile.ZIP_STORED
    odd = rng.random() < 0.4
    bomb = 1 << rng.choice((20, 20, 20, 27)) if odd else 0
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in records:
            entry = zipfile.ZipInfo(name or "x")
            entry.compress_type = method
            if odd and rng.random() < 0.2:
                entry.external_attr = 0o120777 << 16  # a link
            if bomb and "data/" in name and rng.random() < 0.1:
                content, bomb = bytes(bomb), 0
                entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, bytes(content))
        if odd:
            entry = rng.choice(archive.infolist())
            field = rng.choice(("header_offset", "file_size", "compress_size", "CRC", "compress_type", "flag_bits"))
            setattr(
                entry,
                field,
                abs(rng.choice(NUMBERS)) % (1 << (32 if field == "CRC" else 16 if "_s" not in field else 62)),
            )
            archive.comment = rng.randbytes(rng.choice((0, 10)))
            archive._didModify = True
    return bytearray(file.getvalue())


def header(data, rng):
    """A safetensors header of its own making."""
    entry = {
        "dtype": rng.choice(("F32", "I64", "X", 3)),
        "shape": [rng.choice(NUMBERS)],
        "data_offsets": rng.choices(NUMBERS, k=2),
    }
    options = [
        json.dumps({"a": entry, "__metadata__": rng.choice(({}, 3, {"a": 1}))}).encode(),
        b'{"a":' * rng.choice((100, 100_000)),
        b'{"a": {}, "a": {}}',
        b'{"\xff": {}}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a": {"dtype": "F32", "shape": [1e400], "data_offsets": [0, NaN]}}',
        b'{"a": {"dtype": "F32", "shape": ' + b"9" * 5000 + b', "data_offsets": [0, 8]}}',
    ]
    text = rng.choice(options)
    size = rng.choice((len(text), len(text), len(text), rng.choice(NUMBERS) % (1 << 64)))
    return bytearray(size.to_bytes(8, "little") + text + bytes(rng.choice((0, 8, 100))))


def draw(seed, index, files):
    """(name of the source, mutated bytes, how it is loaded): always the same for a seed and an index."""
    rng = random.Random(f"{seed} {index}")
    name = rng.choice(sorted(files))
    data, made = bytearray(files[name]), None
    if name == "safetensors" and rng.random() < 0.5:
        made = header(data, rng)
    elif data[:2] == b"PK" and rng.random() < 0.6:
        made = rebuilt(data, rng)
    elif name in ("stream", "views", "tar", "torch_2_13_stream") and rng.random() < 0.6:
        rng.choice(PICKLES)(data, rng)
        made = data
    if made is None:
        for _ in range(rng.choice((1, 1, 2, 3))):
            if data:
                rng.choice(BYTES)(data, rng)
        made = data
    return name, bytes(made), rng.choice(("path", "file", "mmap", "pickled"))


# ---------------------------------------------------------------- loading


def load(name, data, how, path):
    """What comes out; an error otherwise."""
    import flambeau as fl

    with open(path, "wb") as file:
        file.write(data)
    ARMED[0] = path
    try:
        if name == "safetensors":
            from flambeau.serialization import safetensors

            return safetensors.load(data) if how == "file" else safetensors.load_file(path)
        if how == "file":
            return fl.load(io.BytesIO(data))
        if how == "pickled":
            return fl.load(path, weights_only=False)
        return fl.load(path, mmap=how == "mmap" and data[:2] == b"PK")
    finally:
        ARMED[0] = None


ARMED: list = [None]
EVENTS: list = []


def watch(event, args):
    """The audit hook: whatever happens while a file is loaded that is not reading it."""
    if ARMED[0] is None or event in HARMLESS:
        return
    if event == "open":
        target = str(args[0])
        if target != ARMED[0] and not target.endswith((".py", ".pyc", ".so")) and not target.isdigit():
            EVENTS.append(f"open {target}")
    elif event.startswith(FORBIDDEN) and not (event == "exec" and _of_a_library(args[0])):
        EVENTS.append(f"{event} {args!r:.100}")


def _of_a_library(code):
    return getattr(code, "co_filename", "").startswith((sys.prefix, sys.base_prefix, str(ROOT), "<frozen"))


def touch(value, depth=0):
    """Reads every element of every tensor."""
    import flambeau as fl

    if isinstance(value, fl.Tensor):
        if value.is_nested or value.layout is not fl.strided:
            value = value._elements
        if 0 < value.numel() <= 1 << 22:
            value.detach().contiguous().clone()
    elif isinstance(value, dict) and depth < 20:
        for part in value.values():
            touch(part, depth + 1)
    elif isinstance(value, (list, tuple)) and depth < 20:
        for part in value[:1000]:
            touch(part, depth + 1)


def outcome(name, data, how, path):
    """A short description; begins with "finding" if something is wrong."""
    EVENTS.clear()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor: other programs do not count
    signal.alarm(10 * SECONDS)
    try:
        touch(load(name, data, how, path))
        result = "loaded"
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        result = type(error).__name__
        if not str(error):
            result = f"finding: {result} without a message"
        elif how != "file" and path not in str(error):
            result = f"finding: the file is not named: {type(error).__name__}: {error}"
    except BaseException as error:
        result = f"finding: {type(error).__name__}: {error}"[:300]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
    return f"finding: {EVENTS[0]}" if EVENTS else result


def limit_memory():
    size = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))


def child(seed, first, last):
    """Prints the outcome of each draw."""
    files, folder = sources(), tempfile.mkdtemp()
    os.chdir(folder)
    path = os.path.join(folder, "mutated.pt")
    for name, data in files.items():
        if "script" not in name:
            touch(load(name, data, "path", path))
    signal.signal(signal.SIGALRM, _too_long)
    signal.signal(signal.SIGPROF, _too_long)
    sys.addaudithook(watch)
    limit_memory()
    for index in range(first, last):
        name, data, how = draw(seed, index, files)
        print(index, "begins", flush=True)
        result = outcome(name, data, how, path)
        if os.path.exists("canary"):
            result = "finding: the canary was touched"
            os.remove("canary")
        print(index, name, result.replace("\n", " "), flush=True)


def _too_long(*args):
    raise TimeoutError(f"more than {SECONDS} seconds")


# ---------------------------------------------------------------- the parent


def run(seed, first, last, counts, findings):
    """Runs draws in a child; after a crash, the next child goes on behind it."""
    while first < last:
        command = [sys.executable, __file__, "--child", str(first), str(last), "--seed", str(seed)]
        process = subprocess.run(command, capture_output=True, text=True, errors="replace")
        current = None
        for line in process.stdout.splitlines():
            index, _, rest = line.partition(" ")
            current = int(index)
            if rest == "begins":
                continue
            name, _, result = rest.partition(" ")
            counts[result if not result.startswith("finding") else "finding"] += 1
            if result.startswith("finding"):
                findings.append(f"draw {current} ({name}): {result}")
        if process.returncode == 0:
            return
        if current is None:
            raise SystemExit(process.stderr[-3000:])
        counts["crash"] += 1
        findings.append(f"draw {current}: the process ended with {process.returncode}\n{process.stderr[-1500:]}")
        first = current + 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--child", type=int, nargs=2)
    arguments = parser.parse_args()
    if arguments.child:
        return child(arguments.seed, *arguments.child)
    if arguments.only is not None:
        files = sources()
        name, data, how = draw(arguments.seed, arguments.only, files)
        path = os.path.join(tempfile.mkdtemp(), "mutated.pt")
        print(f"{name}, {len(data)} bytes, loaded as {how}, kept as {path}")
        return touch(load(name, data, how, path))
    counts, findings, start = collections.Counter(), [], time.time()
    for first in range(0, arguments.draws, 1000):
        run(arguments.seed, first, min(first + 1000, arguments.draws), counts, findings)
    print(*findings, sep="\n")
    print(
        f"{arguments.draws} files in {time.time() - start:.0f} s:",
        dict(counts.most_common()),
        f"{len(findings)} findings",
    )
    return sys.exit(bool(findings))


if __name__ == "__main__":
    main()
