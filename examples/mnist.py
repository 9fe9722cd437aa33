"""Train a small convolutional network on handwritten digits, with a training loop written by hand.

    python examples/mnist.py                    5,000 real digits, fetched once (1.3 MB)
    python examples/mnist.py --data DIR         the full MNIST from its four idx files, gzipped or not

Writes runs/mnist/model.pt (a checkpoint) and runs/mnist/report.png (loss curve, test digits with
predictions); Ctrl-C ends the training early and writes them, too.
Takes about 10 s on two cores. Test accuracy to expect: 97 % on 1,000 digits.
"""

import argparse
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
from data import RUNS, digits
from tqdm import tqdm

import flambeau
from flambeau import nn
from flambeau.nn import functional as F
from flambeau.utils.data import DataLoader, TensorDataset
from flambeau.vision.utils import make_grid

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
    bar = tqdm(loader, desc=title, unit="batch", leave=False, disable=None)  # None: off where there is no terminal
    for images, labels in bar:
        scores = model(shifted(images))
        loss = F.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        right += (scores.argmax(1) == labels).sum().item()
        seen += len(labels)
        bar.set_postfix(loss=f"{losses[-1]:.3f}", accuracy=f"{right / seen:.3f}", refresh=False)
    return losses, right / seen


@flambeau.no_grad()
def predict(model, data):
    """Predicted digits, (N,)."""
    model.eval()
    return flambeau.cat([model(images).argmax(1) for images, _ in DataLoader(data, batch_size=500)])


def accuracy(model, data):
    return (predict(model, data) == data.tensors[1]).float().mean().item()


def train(model, data, test, epochs, batch):
    """Train and return the loss of every step; Ctrl-C ends it early."""
    loader = DataLoader(data, batch_size=batch, shuffle=True, drop_last=True)
    optimizer = flambeau.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = flambeau.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    history = []
    try:
        for epoch in range(1, epochs + 1):
            losses, trained = train_epoch(model, loader, optimizer, f"epoch {epoch:2d}/{epochs}")
            schedule.step()
            history += losses
            mean = sum(losses) / len(losses)
            tested = accuracy(model, test)
            print(f"epoch {epoch:2d}/{epochs}  loss {mean:.4f}  train {trained:6.2%}  test {tested:6.2%}", flush=True)
    except KeyboardInterrupt:
        if not history:
            sys.exit("\nstopped in the first epoch: nothing is saved")
        print(f"\nstopped in epoch {epoch}: what has been learnt so far is saved")
    return history


# ---- report


def draw_report(path, history, test, predictions, title, columns=10, rows=6):
    """The loss of each step and its running mean; test digits with what the network says, the wrong ones first."""
    figure = plt.figure(figsize=(13, 5.5), layout="constrained")
    figure.suptitle(title)
    curve, grid = figure.subfigures(1, 2, width_ratios=[1, 1.2])

    panel = curve.subplots()
    losses = flambeau.tensor(history)
    window = max(1, len(history) // 50)
    panel.plot(losses, color="0.8", label="each step")
    panel.plot(range(window - 1, len(history)), losses.unfold(0, window, 1).mean(1), label=f"mean of {window} steps")
    panel.set(xlabel="step", ylabel="cross entropy", yscale="log")
    panel.legend()

    images, labels = test.tensors
    order = (predictions == labels).int().argsort(stable=True)[: rows * columns]  # False before True
    panel = grid.subplots()
    panel.imshow(make_grid(-images[order], columns, padding=6, pad_value=1.0)[0], cmap="gray")
    panel.axis("off")
    for place, number in enumerate(order.tolist()):
        said, truth = predictions[number].item(), labels[number].item()
        text, color = (f"{said}", "green") if said == truth else (f"{said} (is {truth})", "red")
        x, y = 34 * (place % columns) + 20, 34 * (place // columns) + 5
        panel.text(x, y, text, color=color, fontsize=8, ha="center", in_layout=False)
    figure.savefig(path, dpi=90)


# ---- command line


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the idx files of MNIST")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RUNS / "mnist", help="folder to write into")
    parser.add_argument("--quick", action="store_true", help="one epoch on 500 digits, to see that all is in place")
    return parser.parse_args()


def main():
    options = arguments()
    flambeau.manual_seed(options.seed)
    keep = 500 if options.quick else None
    epochs = 1 if options.quick else options.epochs
    data, test = (
        TensorDataset(images[:keep] * 2 - 1, labels[:keep]) for images, labels in digits(options.data, options.seed)
    )
    model = Net()
    count = sum(p.numel() for p in model.parameters())
    print(f"{len(data)} digits to train on, {len(test)} to test on, {count} parameters")

    start = time.perf_counter()
    history = train(model, data, test, epochs, options.batch)
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
