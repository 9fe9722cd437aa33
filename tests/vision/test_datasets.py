"""Data sets: files that are there are read, what is missing is fetched whole, and what is damaged is named."""

import gzip
import hashlib
import http.server
import os
import pickle
import struct
import tarfile
import threading

import numpy as np
import pytest

from tests.frame import fl

vision = pytest.importorskip(f"{fl.__name__}.vision")
pytest.importorskip("PIL")
D = vision.datasets
U = D.utils


def idx(array, code=8):
    head = struct.pack(f">BBBB{'I' * array.ndim}", 0, 0, code, array.ndim, *array.shape)
    return head + array.astype({8: "u1", 12: ">i4"}[code]).tobytes()


def write_digits(root, name="MNIST", count=5):
    raw = root / name / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, count, dtype=np.uint8)
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    return images, labels


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_digits(tmp_path, name):
    images, labels = write_digits(tmp_path, name)
    data = getattr(D, name)(tmp_path, train=name != "KMNIST", transform=vision.transforms.ToTensor())
    assert len(data) == 5 and np.array_equal(data.data.numpy(), images) and data.targets.tolist() == labels.tolist()
    image, target = data[2]
    assert image.shape == (1, 28, 28) and target == labels[2] and isinstance(target, int)
    assert np.allclose(image[0].numpy() * 255, images[2]) and data[0][0].dtype == fl.float32
    assert len(data.classes) == 10 and data.class_to_idx[data.classes[3]] == 3
    assert repr(data).startswith(f"Dataset {name}\n    Number of datapoints: 5\n    Root location: ")


def test_missing_and_damaged_digits(tmp_path):
    with pytest.raises(RuntimeError, match="download=True"):
        D.MNIST(tmp_path)
    write_digits(tmp_path)
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    whole = file.read_bytes()
    for wrong in (whole[:-1], whole[:3], b"", b"\x80" + whole, whole[:4] + b"\xff" * 12 + whole[16:]):
        file.write_bytes(wrong)
        with pytest.raises(ValueError, match="train-images"):
            D.MNIST(tmp_path)
    file.write_bytes(whole)
    (tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(4, np.uint8)))
    with pytest.raises(ValueError, match="5 pictures, but 4 classes"):
        D.MNIST(tmp_path)


def test_other_digits(tmp_path):
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    images = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    (raw / "emnist-letters-train-images-idx3-ubyte").write_bytes(idx(images))
    (raw / "emnist-letters-train-labels-idx1-ubyte").write_bytes(idx(np.array([1, 26], np.uint8)))
    data = D.EMNIST(tmp_path, "letters")
    assert data[1][1] == 26 and data.classes[26] == "z" and len(D.EMNIST.classes_split_dict["byclass"]) == 62
    with pytest.raises(ValueError, match="split"):
        D.EMNIST(tmp_path, "words")
    raw = tmp_path / "QMNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "qmnist-test-images-idx3-ubyte").write_bytes(idx(images))
    (raw / "qmnist-test-labels-idx2-int").write_bytes(idx(np.arange(16).reshape(2, 8), 12))
    assert D.QMNIST(tmp_path, "test")[1][1] == 8
    assert D.QMNIST(tmp_path, train=False, compat=False)[1][1].tolist() == list(range(8, 16))


# ---- a server


class Server:
    """Serves files; may break off after some bytes, and may or may not go on from the middle."""

    def __init__(self, folder):
        self.folder, self.broken, self.ranges, self.requests, self.redirects = folder, {}, True, [], {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def answer(self, handler):
        name, begin = handler.path[1:], handler.headers.get("Range")
        self.requests.append((name, begin))
        path = self.folder / name
        if name in self.redirects:
            handler.send_response(302)
            handler.send_header("Location", f"{self.url}{self.redirects[name]}")
            handler.end_headers()
            return
        if not path.exists():
            handler.send_error(404)
            return
        data = path.read_bytes()
        start = int(begin[6:-1]) if begin and self.ranges else 0
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        stops = self.broken.get(name, [])
        end = stops.pop(0) if stops else len(data)
        handler.wfile.write(data[start:end])
        handler.close_connection = True

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server(tmp_path):
    (tmp_path / "site").mkdir()
    made = Server(tmp_path / "site")
    yield made
    made.close()


def md5(data):
    return hashlib.md5(data).hexdigest()


def leftovers(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


DATA = bytes(range(256)) * 2000


@pytest.mark.parametrize("ranges", [True, False])
def test_download_goes_on_where_it_broke(server, tmp_path, ranges):
    (server.folder / "a.bin").write_bytes(DATA)
    server.broken["a.bin"], server.ranges = [200_000, 400_000], ranges
    U.download_url(server.url + "a.bin", tmp_path / "to", md5=md5(DATA))
    assert (tmp_path / "to" / "a.bin").read_bytes() == DATA and leftovers(tmp_path / "to") == ["a.bin"]
    assert [begin is None for _, begin in server.requests] == [True, False, False]
    U.download_url(server.url + "a.bin", tmp_path / "to", md5=md5(DATA))
    assert len(server.requests) == 3  # it is there


def test_download_that_breaks_for_good_leaves_nothing(server, tmp_path):
    (server.folder / "a.bin").write_bytes(DATA)
    server.broken["a.bin"] = [200_000] * 20
    with pytest.raises(ConnectionError, match="200000 of 512000 bytes"):
        U.download_url(server.url + "a.bin", tmp_path / "to")
    assert leftovers(tmp_path / "to") == []


def test_wrong_checksum_and_missing_file(server, tmp_path):
    (server.folder / "a.bin").write_bytes(DATA)
    with pytest.raises(RuntimeError, match="invalid hash"):
        U.download_url(server.url + "a.bin", tmp_path / "to", md5="0" * 32)
    with pytest.raises(OSError, match="404"):
        U.download_url(server.url + "b.bin", tmp_path / "to")
    assert leftovers(tmp_path / "to") == []


def test_interrupted_download_leaves_nothing(server, tmp_path, monkeypatch):
    (server.folder / "a.bin").write_bytes(DATA)

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(fl.hub, "_check", stop)
    with pytest.raises(KeyboardInterrupt):
        U.download_url(server.url + "a.bin", tmp_path / "to", md5=md5(DATA))
    assert leftovers(tmp_path / "to") == []


def test_digits_are_fetched_from_the_first_mirror_that_has_them(server, tmp_path, monkeypatch):
    write_digits(tmp_path / "made")
    resources = []
    for file in sorted((tmp_path / "made" / "MNIST" / "raw").iterdir()):
        packed = gzip.compress(file.read_bytes())
        (server.folder / f"{file.name}.gz").write_bytes(packed)
        resources.append((f"{file.name}.gz", md5(packed)))
    monkeypatch.setattr(D.MNIST, "mirrors", [server.url + "nowhere/", server.url])
    monkeypatch.setattr(D.MNIST, "resources", resources)
    assert len(D.MNIST(tmp_path / "to", download=True)) == 5
    count = len(server.requests)
    assert len(D.MNIST(tmp_path / "to", download=True)) == 5 and len(server.requests) == count
    monkeypatch.setattr(D.MNIST, "mirrors", [server.url + "nowhere/"])
    with pytest.raises(RuntimeError, match="Tried http"):
        D.MNIST(tmp_path / "other", download=True)
    assert leftovers(tmp_path / "other") == []


# ---- archives


def test_archives(tmp_path):
    import zipfile

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.txt").write_text("text")
    for name, mode in (("a.tar", "w"), ("a.tgz", "w:gz"), ("a.tar.xz", "w:xz"), ("a.tar.bz2", "w:bz2")):
        with tarfile.open(tmp_path / name, mode) as archive:
            archive.add(tmp_path / "in", "in")
        out = U.extract_archive(str(tmp_path / name), str(tmp_path / f"out-{name}"), remove_finished=True)
        assert leftovers(tmp_path / f"out-{name}") == ["x.txt"] and out.endswith(name)
        assert not (tmp_path / name).exists()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("deep/x.txt", "text")
    U.extract_archive(tmp_path / "a.zip", tmp_path / "zip")
    assert (tmp_path / "zip" / "deep" / "x.txt").read_text() == "text"
    with pytest.raises(RuntimeError, match="Unknown"):
        U.extract_archive(str(tmp_path / "in" / "x.txt"))


def test_damaged_and_hostile_archives(tmp_path):
    import io

    whole = gzip.compress(os.urandom(1000))
    (tmp_path / "a.gz").write_bytes(whole[:500])
    (tmp_path / "a.zip").write_bytes(b"PK, or not")
    (tmp_path / "a.tar").write_bytes(b"not a tar file" * 100)
    for name in ("a.gz", "a.zip", "a.tar"):
        with pytest.raises(RuntimeError, match="damaged"):
            U.extract_archive(str(tmp_path / name), str(tmp_path / "out"))
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        member = tarfile.TarInfo("../evil.txt")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"evil"))
    with pytest.raises(Exception):
        U.extract_archive(str(tmp_path / "evil.tar"), str(tmp_path / "out"))
    assert not (tmp_path / "evil.txt").exists()
    assert leftovers(tmp_path) == ["a.gz", "a.tar", "a.zip", "evil.tar"]


def test_archives_that_grow_without_end(tmp_path, monkeypatch):
    import io
    import zipfile

    monkeypatch.setattr(U, "_LARGEST", 1 << 16)
    zeros = bytes(1 << 20)
    (tmp_path / "a.gz").write_bytes(gzip.compress(zeros))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", zeros)
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("x")
        member.size = len(zeros)
        archive.addfile(member, io.BytesIO(zeros))
    for name in ("a.gz", "a.zip", "a.tgz"):
        target = tmp_path / "out" / "x" if name == "a.gz" else tmp_path / "out"
        (tmp_path / "out").mkdir(exist_ok=True)
        with pytest.raises(RuntimeError, match="that is no data"):
            U.extract_archive(tmp_path / name, target)
    assert leftovers(tmp_path / "out") == [] and [p.name for p in (tmp_path / "out").iterdir()] == []


def test_archives_for_which_there_is_no_room(tmp_path, monkeypatch):
    import collections
    import shutil

    (tmp_path / "a.gz").write_bytes(gzip.compress(os.urandom(5000)))
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(9000, 8000, 1000))
    with pytest.raises(OSError, match="1,000 bytes that are free"):
        U.extract_archive(tmp_path / "a.gz")
    assert leftovers(tmp_path) == ["a.gz"]


def test_links_in_archives_do_not_lead_outside(tmp_path):
    import io

    (tmp_path / "out").mkdir()
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        link = tarfile.TarInfo("door")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        archive.addfile(link)
        member = tarfile.TarInfo("door/evil.txt")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"evil"))
    with pytest.raises((RuntimeError, tarfile.TarError)):
        U.extract_archive(tmp_path / "evil.tar", tmp_path / "out")
    assert not (tmp_path / "evil.txt").exists() and list((tmp_path / "out").iterdir()) == []


def test_download_that_does_not_fit_leaves_nothing(server, tmp_path, monkeypatch):
    import errno

    (server.folder / "a.bin").write_bytes(DATA)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device.*does not fit"):
        U.download_url(f"{server.url}a.bin", tmp_path / "out")
    assert leftovers(tmp_path / "out") == []


def test_addresses_that_lead_to_others(server, tmp_path):
    (server.folder / "a.bin").write_bytes(DATA)
    server.redirects = {"old": "a.bin", "round": "round"}
    U.download_url(f"{server.url}old", tmp_path / "out", "b.bin", md5(DATA))
    assert leftovers(tmp_path / "out") == ["b.bin"]
    with pytest.raises(OSError, match="redirect"):
        U.download_url(f"{server.url}round", tmp_path / "out", "c.bin")
    assert leftovers(tmp_path / "out") == ["b.bin"]


def test_no_network(tmp_path):
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        U.download_url(f"http://127.0.0.1:{port}/a.bin", tmp_path / "out")
    assert leftovers(tmp_path / "out") == []


# ---- pickled arrays


class Evil:
    def __reduce__(self):
        return (os.system, ("touch evil",))


def write_cifar(root, monkeypatch, cls=D.CIFAR10, change=None):
    folder = root / cls.base_folder
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    key = "labels" if cls is D.CIFAR10 else "fine_labels"
    batches = {}
    for name, _ in cls.train_list + cls.test_list:
        found = {"data": rng.integers(0, 256, (3, 3072), dtype=np.uint8), key: [0, 2, 1], "batch_label": "x"}
        batches[name] = found if change is None else change(found)
    batches[cls.meta["filename"]] = {cls.meta["key"]: ["a", "b", "c"]}
    for name, found in batches.items():
        (folder / name).write_bytes(pickle.dumps(found, protocol=2))
    sums = {name: md5((folder / name).read_bytes()) for name in batches}
    monkeypatch.setattr(cls, "train_list", [[n, sums[n]] for n, _ in cls.train_list])
    monkeypatch.setattr(cls, "test_list", [[n, sums[n]] for n, _ in cls.test_list])
    monkeypatch.setattr(cls, "meta", {**cls.meta, "md5": sums[cls.meta["filename"]]})
    return batches


@pytest.mark.parametrize("cls", [D.CIFAR10, D.CIFAR100], ids=["ten", "hundred"])
def test_cifar(tmp_path, monkeypatch, cls):
    batches = write_cifar(tmp_path, monkeypatch, cls)
    data = cls(tmp_path, train=False)
    first = batches[cls.test_list[0][0]]["data"]
    assert len(data) == 3 and data.targets == [0, 2, 1] and data.classes == ["a", "b", "c"]
    assert np.array_equal(np.asarray(data[1][0]), first[1].reshape(3, 32, 32).transpose(1, 2, 0))
    assert len(cls(tmp_path)) == 3 * len(cls.train_list)
    (tmp_path / cls.base_folder / cls.test_list[0][0]).write_bytes(b"x")
    with pytest.raises(RuntimeError, match="corrupted"):
        cls(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: {**found, "more": Evil()},
        lambda found: Evil(),
        lambda found: {**found, "data": found["data"].astype(object)},
        lambda found: {**found, "data": found["data"][:, :10]},
        lambda found: {**found, "labels": [1]},
        lambda found: [1],
    ],
)
def test_hostile_cifar(tmp_path, monkeypatch, change):
    write_cifar(tmp_path, monkeypatch, change=change)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError):
        D.CIFAR10(tmp_path)
    assert not (tmp_path / "evil").exists()


# ---- others


def test_house_numbers(tmp_path, monkeypatch):
    io = pytest.importorskip("scipy.io")
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 4), dtype=np.uint8)
    io.savemat(tmp_path / "train_32x32.mat", {"X": pixels, "y": np.array([[1], [10], [9], [10]], np.uint8)})
    data = (tmp_path / "train_32x32.mat").read_bytes()
    monkeypatch.setitem(D.SVHN.split_list, "train", ["", "train_32x32.mat", md5(data)])
    found = D.SVHN(tmp_path)
    assert (
        found.labels.tolist() == [1, 0, 9, 0]
        and np.array_equal(np.asarray(found[2][0]), pixels[..., 2])
        and len(found) == 4
    )
    with pytest.raises(RuntimeError, match="download=True"):
        D.SVHN(tmp_path, "test")


def test_pictures_in_binary_files(tmp_path, monkeypatch):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3, 96, 96), dtype=np.uint8)
    for part in ("train", "test", "unlabeled"):
        pixels.tofile(folder / f"{part}_X.bin")
        np.array([1, 10, 3], np.uint8).tofile(folder / f"{part}_y.bin")
    (folder / "fold_indices.txt").write_text("2 0 \n1 \n")
    (folder / "class_names.txt").write_text("a\nb\n")
    monkeypatch.setattr(D.STL10, "_check_integrity", lambda self: True)
    data = D.STL10(tmp_path)
    assert data.labels.tolist() == [0, 9, 2] and data.classes == ["a", "b"]
    assert np.array_equal(np.asarray(data[1][0]), pixels[1].transpose(2, 1, 0)) and data[1][1] == 9
    assert D.STL10(tmp_path, folds=0).labels.tolist() == [2, 0]
    assert D.STL10(tmp_path, "train+unlabeled", folds=1).labels.tolist() == [9, -1, -1, -1]
    with pytest.raises(ValueError, match="folds"):
        D.STL10(tmp_path, folds=10)


def test_digits_in_lines(tmp_path):
    import bz2

    row = "3 " + " ".join(f"{i + 1}:{-1 + 2 * (i % 2)}" for i in range(256))
    (tmp_path / "usps.bz2").write_bytes(bz2.compress(f"{row}\n{row}\n".encode()))
    data = D.USPS(tmp_path)
    assert len(data) == 2 and data[0][1] == 2 and np.asarray(data[0][0])[0, :4].tolist() == [0, 255, 0, 255]
    for wrong in (b"x", bz2.compress(b"1 1:2\n"), bz2.compress(row.encode())[:40]):
        (tmp_path / "usps.bz2").write_bytes(wrong)
        with pytest.raises(RuntimeError, match="damaged"):
            D.USPS(tmp_path)


def test_annotations(tmp_path):
    import json

    from PIL import Image

    for name in "ab":
        Image.new("RGB", (4, 3)).save(tmp_path / f"{name}.png")
    facts = {
        "images": [{"id": 9, "file_name": "b.png"}, {"id": 2, "file_name": "a.png"}],
        "annotations": [{"image_id": 9, "caption": "two"}, {"image_id": 9, "caption": "three"}],
    }
    (tmp_path / "facts.json").write_text(json.dumps(facts))
    data = D.CocoCaptions(tmp_path, tmp_path / "facts.json", transform=vision.transforms.ToTensor())
    assert len(data) == 2 and data[0][1] == [] and data[1][1] == ["two", "three"] and data[1][0].shape == (3, 3, 4)
    for wrong in ("{}", "[1]", "{", '{"images": [{"id": 1}]}'):
        (tmp_path / "facts.json").write_text(wrong)
        with pytest.raises(ValueError, match="COCO"):
            D.CocoDetection(tmp_path, tmp_path / "facts.json")


# ---- folders


def test_image_folder(tmp_path):
    from PIL import Image

    for name, colour in (("cat", 10), ("dog", 200)):
        (tmp_path / name / "deep").mkdir(parents=True)
        Image.new("L", (4, 3), colour).save(tmp_path / name / "b.png")
        Image.new("RGB", (4, 3), (colour, 0, 0)).save(tmp_path / name / "deep" / "a.JPEG", format="png")
        (tmp_path / name / "notes.txt").write_text("no picture")
    data = D.ImageFolder(tmp_path)
    assert data.classes == ["cat", "dog"] and data.targets == [0, 0, 1, 1] and data.imgs is data.samples
    assert [os.path.basename(path) for path, _ in data.samples] == ["b.png", "a.JPEG"] * 2
    image, target = data[2]
    assert image.mode == "RGB" and image.getpixel((0, 0)) == (200, 200, 200) and target == 1
    loader = fl.utils.data.DataLoader(D.ImageFolder(tmp_path, vision.transforms.ToTensor()), batch_size=4)
    images, targets = next(iter(loader))
    assert images.shape == (4, 3, 3, 4) and targets.tolist() == [0, 0, 1, 1]


def test_folders_without_pictures_and_with_broken_ones(tmp_path):
    with pytest.raises(FileNotFoundError, match="any class folder"):
        D.ImageFolder(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(FileNotFoundError, match="no valid file for the classes cat"):
        D.ImageFolder(tmp_path)
    assert len(D.ImageFolder(tmp_path, allow_empty=True)) == 0
    with pytest.raises(FileNotFoundError):
        D.ImageFolder(tmp_path / "nowhere")
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8)).save(
        tmp_path / "cat" / "a.png"
    )
    whole = (tmp_path / "cat" / "a.png").read_bytes()
    data = D.ImageFolder(tmp_path)
    for wrong in (b"", b"no picture", whole[:100], whole[: len(whole) // 2]):
        (tmp_path / "cat" / "a.png").write_bytes(wrong)
        with pytest.raises(OSError, match="cannot read .*a.png"):
            data[0]


def test_fake_data():
    data = D.FakeData(5, (3, 6, 7), 4, vision.transforms.ToTensor(), random_offset=2)
    state = fl.get_rng_state()
    image, target = data[1]
    assert fl.equal(state, fl.get_rng_state()) and image.shape == (3, 6, 7) and target in range(4)
    fl.manual_seed(3)
    noise = fl.randn(3, 6, 7)
    assert target == fl.randint(0, 4, (1,)).item()
    assert np.array_equal(np.asarray(D.FakeData(5, (3, 6, 7), random_offset=2)[1][0]).shape, (6, 7, 3))
    assert noise.shape == image.shape
    with pytest.raises(IndexError):
        data[5]


def test_vision_dataset():
    data = D.VisionDataset("here", transform=str)
    assert data.transforms(1, 2) == ("1", 2)
    with pytest.raises(ValueError):
        D.VisionDataset("here", transforms=str, transform=str)
    for use in (lambda: data[0], lambda: len(data)):
        with pytest.raises(NotImplementedError):
            use()


def test_little_helpers(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b.png").write_bytes(b"x")
    assert U.list_dir(tmp_path) == ["a"] and U.list_files(tmp_path, ".png", prefix=True) == [str(tmp_path / "b.png")]
    assert U.check_integrity(tmp_path / "b.png", md5(b"x")) and not U.check_integrity(tmp_path / "a")
    assert U.iterable_to_str(["a"]) == "'a'" and U.verify_str_arg("a") == "a"
    for value in ("x", 3):
        with pytest.raises(ValueError):
            U.verify_str_arg(value, "split", ("a", "b"))
