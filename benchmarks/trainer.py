"""What a Trainer costs beside a loop by hand: blocks of 25 steps of about 1 ms, alternating in one process.

python benchmarks/trainer.py [--blocks N]
"""

import argparse
import io
import statistics
import time

import flambeau
from flambeau.nn import functional as F


def make(width=256, depth=3):
    flambeau.manual_seed(0)
    layers = [layer for _ in range(depth) for layer in (flambeau.nn.Linear(width, width), flambeau.nn.ReLU())]
    model = flambeau.nn.Sequential(*layers, flambeau.nn.Linear(width, 10))
    return model, flambeau.optim.Adam(model.parameters(), 1e-3)


def loader(batches, width=256, batch=64):
    x = flambeau.randn(batches * batch, width)
    data = flambeau.utils.data.TensorDataset(x, flambeau.randint(0, 10, (batches * batch,)))
    return flambeau.utils.data.DataLoader(data, batch_size=batch)


def by_hand(model, optimizer, batches, accuracy=False):
    """What one would write: the loss is summed up for a line per epoch, and the hits."""
    model.train()
    total, hits = 0.0, 0
    for x, y in batches:
        output = model(x)
        loss = F.cross_entropy(output, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        total += loss.item()
        if accuracy:
            hits += (output.argmax(1) == y).sum().item()
    return total, hits


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=100, help="blocks of 25 steps of each (default: %(default)s)")
    options = parser.parse_args()
    batches, count = loader(25), 25
    hand, again, counting, (first, one), (second, other) = (make() for _ in range(5))
    plain = flambeau.train.Trainer(first, one, F.cross_entropy, progress=False)
    show = flambeau.train.Progress(io.StringIO())
    full = flambeau.train.Trainer(
        second, other, F.cross_entropy, metrics=["accuracy"], callbacks=[show], progress=False
    )
    runs = {
        "loop by hand": lambda block: by_hand(*hand, batches),
        "the same again: the noise": lambda block: by_hand(*again, batches),
        "Trainer": lambda block: plain.fit(batches, epochs=block + 1),
        "loop by hand with accuracy": lambda block: by_hand(*counting, batches, True),
        "Trainer with accuracy and progress": lambda block: full.fit(batches, epochs=block + 1),
    }
    times = {name: [] for name in runs}
    for block in range(options.blocks):
        for name in list(runs)[:: -1 if block % 2 else 1]:
            start = time.perf_counter()
            runs[name](block)
            times[name].append((time.perf_counter() - start) / count)
    for name, values in times.items():
        beside = "loop by hand with accuracy" if "accuracy" in name else "loop by hand"
        ratio = statistics.median(a / b for a, b in zip(values, times[beside], strict=True))
        print(f"{name:36} best {min(values) * 1e3:.3f} ms per step, median ratio to {beside} {ratio:.3f}")


if __name__ == "__main__":
    main()
