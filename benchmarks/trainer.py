"""What a Trainer costs beside a loop by hand: steps of about 1 ms, alternating in one process.

python benchmarks/trainer.py [--epochs N]
"""

import argparse
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


def by_hand(model, optimizer, batches):
    """What one would write: the loss is summed up for a line per epoch."""
    model.train()
    total = 0.0
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        total += loss.item()
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    batches, count = loader(200), 200
    hand = make()
    module, optimizer = make()
    plain = flambeau.train.Trainer(module, optimizer, F.cross_entropy, progress=False)
    module, optimizer = make()
    full = flambeau.train.Trainer(module, optimizer, F.cross_entropy, metrics=["accuracy"], progress=True)
    times = {"loop by hand": [], "Trainer": [], "Trainer with accuracy and progress": []}
    for epoch in range(options.epochs):
        for name, run in (
            ("loop by hand", lambda: by_hand(*hand, batches)),
            ("Trainer", lambda epoch=epoch: plain.fit(batches, epochs=epoch + 1)),
            ("Trainer with accuracy and progress", lambda epoch=epoch: full.fit(batches, epochs=epoch + 1)),
        ):
            start = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - start) / count)
    for name, values in times.items():
        ratio = statistics.median(a / b for a, b in zip(values, times["loop by hand"], strict=True))
        print(f"{name:36} best {min(values) * 1e3:.3f} ms per step, median ratio to the loop {ratio:.3f}")


if __name__ == "__main__":
    main()
