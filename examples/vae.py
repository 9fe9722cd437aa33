"""Learn to draw digits with a variational autoencoder.

    python examples/vae.py                      about 20 seconds on two cores
    python examples/vae.py --quick              one pass over 500 digits, to see that all is in place

The encoder says of each image which codes z it may have come from, a normal distribution N(mean, variance); the decoder turns
a code into an image. Both are trained on a lower bound of the images' log-likelihood: how well the image is drawn from a code
that was drawn from N(mean, variance), less how far that distribution is from N(0, 1), from which new codes are drawn later
(Kingma & Welling, "Auto-encoding variational Bayes", 2014).

Writes into runs/vae/: reconstructions.png (test digits above what is left of them after 16 numbers), samples.png (digits
that nobody wrote) and walk.png (from one test digit to another, through the codes between them). Bound to expect on test
digits: -112 nats an image.
"""

import argparse
import time
from pathlib import Path

from data import RUNS, digits
from tqdm import tqdm

import flambeau
from flambeau import nn
from flambeau.nn import functional as F
from flambeau.utils.data import DataLoader
from flambeau.vision.utils import save_image


class VAE(nn.Module):
    """Encoder and decoder, two linear layers each."""

    def __init__(self, codes=16, hidden=400):
        super().__init__()
        self.codes = codes
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, 2 * codes))
        self.decoder = nn.Sequential(
            nn.Linear(codes, hidden), nn.ReLU(), nn.Linear(hidden, 784), nn.Unflatten(1, (1, 28, 28))
        )

    def encode(self, images):  # (N, 1, 28, 28)
        """Mean and logarithm of the variance of each image's code, (N, codes) each."""
        return self.encoder(images).chunk(2, dim=1)

    def draw(self, codes):
        """Images of codes, (N, 1, 28, 28) in 0..1."""
        return self.decoder(codes).sigmoid()

    def forward(self, images):
        """What an image costs to say, in nats: to draw it from its code, and to say the code; means over the batch."""
        mean, log_variance = self.encode(images)
        codes = mean + (log_variance / 2).exp() * flambeau.randn_like(mean)  # noise outside: gradients reach both
        drawing = F.binary_cross_entropy_with_logits(self.decoder(codes), images, reduction="sum")
        telling = (
            -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
        )  # KL(N(mean, variance) || N(0, 1))
        return drawing / len(images), telling / len(images)


# ---- training


def train_epoch(model, loader, optimizer, title):
    """One pass over the digits; returns the mean bound."""
    bounds = []
    bar = tqdm(loader, desc=title, unit="batch", leave=False, disable=None)
    for images in bar:
        drawing, telling = model(images)
        loss = drawing + telling
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        bounds.append(-loss.item())
        bar.set_postfix(bound=f"{bounds[-1]:.1f}", refresh=False)
    return sum(bounds) / len(bounds)


@flambeau.no_grad()
def measure(model, images, draws=5):
    """The two parts of the bound on test digits, each the mean over a few draws of their codes."""
    parts = [flambeau.stack(model(images)) for _ in range(draws)]
    return flambeau.stack(parts).mean(0).tolist()


def train(model, images, test, epochs, batch, lr):
    loader = DataLoader(images, batch_size=batch, shuffle=True)
    optimizer = flambeau.optim.Adam(model.parameters(), lr=lr)
    schedule = flambeau.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for epoch in range(1, epochs + 1):
        bound = train_epoch(model, loader, optimizer, f"epoch {epoch:2d}/{epochs}")
        schedule.step()
        if epoch % 5 == 0 or epoch == epochs:
            drawing, telling = measure(model, test)
            print(
                f"epoch {epoch:2d}/{epochs}  bound {bound:6.1f}  test {-drawing - telling:6.1f} nats "
                f"(drawing {drawing:.1f}, code {telling:.1f})",
                flush=True,
            )


# ---- pictures


def write_grid(path, images, columns):
    """White digits on black, in rows, twice as large."""
    large = F.interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)
    save_image(large, path, nrow=columns, padding=2, pad_value=0.25)
    print(f"wrote {path}")


@flambeau.no_grad()
def draw_pictures(folder, model, test, labels):
    model.eval()
    originals = test[:32].split(16)
    rows = [picture for row in originals for picture in (row, model.draw(model.encode(row)[0]))]
    write_grid(folder / "reconstructions.png", flambeau.cat(rows), columns=16)
    write_grid(folder / "samples.png", model.draw(flambeau.randn(96, model.codes)), columns=16)

    firsts = [(labels == digit).nonzero()[0, 0] for digit in range(10)]
    codes = model.encode(test[flambeau.stack(firsts)])[0]
    steps = flambeau.linspace(0, 1, 16)
    walk = [codes[a].lerp(codes[b], step) for a, b in ((0, 6), (7, 9), (3, 8), (1, 4), (2, 5)) for step in steps]
    write_grid(folder / "walk.png", model.draw(flambeau.stack(walk)), columns=16)


# ---- command line


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the idx files of MNIST")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--codes", type=int, default=16, help="numbers in the code of an image (16)")
    parser.add_argument("--lr", type=float, default=2e-3, help="learning rate at the beginning (0.002)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RUNS / "vae", help="folder to write into")
    parser.add_argument("--quick", action="store_true", help="one pass over 500 digits, to see that all is in place")
    return parser.parse_args()


def main():
    options = arguments()
    flambeau.manual_seed(options.seed)
    keep, epochs = (500, 1) if options.quick else (None, options.epochs)
    (images, _), (test, labels) = digits(options.data, options.seed)
    images, test = images[:keep], test[:keep]
    model = VAE(options.codes)
    count = sum(p.numel() for p in model.parameters())
    print(f"{len(images)} digits to train on, {len(test)} to test on, {count} parameters")

    start = time.perf_counter()
    try:
        train(model, images, test, epochs, options.batch, options.lr)
    except KeyboardInterrupt:
        print("\nstopped: the rest is about what has been learnt so far")
    seconds = time.perf_counter() - start

    options.out.mkdir(parents=True, exist_ok=True)
    draw_pictures(options.out, model, test, labels[:keep])
    drawing, telling = measure(model, test)
    print(f"bound {-drawing - telling:.1f} nats per test digit after {seconds:.1f} s of training")


if __name__ == "__main__":
    main()
