"""Learn to draw digits with two networks that play against each other, a DCGAN.

    python examples/dcgan.py                    about 80 seconds on two cores
    python examples/dcgan.py --quick            one pass over 300 digits, to see that all is in place

The generator turns random numbers into an image; the discriminator says whether an image is a written digit or a drawn one. Each
learns to beat the other (Goodfellow et al., "Generative adversarial nets", 2014), with the layers, the initial weights and the
optimizer of Radford, Metz & Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
networks", 2016: strided convolutions, batch norm, leaky rectifiers, Adam with a short memory.

Losses do not say how good the drawings are. A classifier that was trained on written digits says it: the share of drawings that it
is sure of (90 % for one digit), and how many of the ten digits it finds. Expect 47 % and 9.5 digits; of written test digits it is
sure of 87 %. Writes into runs/dcgan/: epoch_N.png (64 drawings, from the same random numbers in each epoch) and progress.png (16
of them through the epochs).
"""

import argparse
import sys
import time
from pathlib import Path

from data import RUNS, digits
from tqdm import tqdm

import flambeau
from flambeau import nn
from flambeau.nn import functional as F
from flambeau.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from flambeau.utils.data import DataLoader, TensorDataset
from flambeau.vision.utils import save_image


def generator(codes, width):
    """(N, codes) to (N, 1, 28, 28) in -1..1."""
    return nn.Sequential(
        *(nn.Linear(codes, 2 * width * 49, bias=False), nn.Unflatten(1, (2 * width, 7, 7))),
        *(nn.BatchNorm2d(2 * width), nn.ReLU()),
        *(nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(width)),
        *(nn.ReLU(), nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1), nn.Tanh()),
    )


def discriminator(width):
    """(N, 1, 28, 28) to (N, 1): the logit of being a written digit."""
    return nn.Sequential(
        *(nn.Conv2d(1, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(2 * width)),
        *(nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(2 * width * 49, 1)),
    )


def start_small(module):
    """Normal weights of standard deviation 0.02."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


# ---- the game


class Game:
    """Both networks and their optimizers."""

    def __init__(self, codes, width, lr):
        self.codes = codes
        self.draws, self.judges = generator(codes, width), discriminator(width)
        for network in (self.draws, self.judges):
            network.apply(start_small)
        # The game goes round and round; the mean of where the generator has been draws better than where it is.
        self.steady = AveragedModel(self.draws, multi_avg_fn=get_ema_multi_avg_fn(0.99), use_buffers=True).eval()
        self.draw_optimizer = flambeau.optim.Adam(self.draws.parameters(), lr=2.5 * lr, betas=(0.5, 0.999))
        self.judge_optimizer = flambeau.optim.Adam(self.judges.parameters(), lr=lr, betas=(0.5, 0.999))

    def step(self, written):
        """One step of each; returns both losses."""
        drawn = self.draws(flambeau.randn(len(written), self.codes))
        judged = self.judges(written), self.judges(drawn.detach())
        # 0.9, not 1: a discriminator that is too sure of itself teaches nothing (Salimans et al., 2016)
        judge_loss = against(judged[0], 0.9) + against(judged[1], 0.0)
        improve(self.judge_optimizer, judge_loss)
        draw_loss = against(self.judges(drawn), 1.0)
        improve(self.draw_optimizer, draw_loss)
        self.steady.update_parameters(self.draws)
        return judge_loss.item(), draw_loss.item()

    @flambeau.no_grad()
    def draw(self, codes):
        """Images in 0..1."""
        return (self.steady(codes) + 1) / 2


def against(logits, target):
    return F.binary_cross_entropy_with_logits(logits, flambeau.full_like(logits, target))


def improve(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def write_grid(path, images):
    """Rows of 16, twice as large."""
    large = F.interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)
    save_image(large, path, nrow=16, pad_value=0.25)


def train(game, images, codes, options, epochs):
    """Plays the epochs; returns what was drawn from the codes after each, (epochs, 64, 1, 28, 28)."""
    loader = DataLoader(images * 2 - 1, batch_size=options.batch, shuffle=True, drop_last=True)
    drawings = []
    try:
        for epoch in range(1, epochs + 1):
            losses = []
            bar = tqdm(loader, f"epoch {epoch:2d}/{epochs}", unit="batch", leave=False, disable=None)
            for written in bar:
                losses.append(game.step(written))
                bar.set_postfix(judge=f"{losses[-1][0]:.2f}", draw=f"{losses[-1][1]:.2f}", refresh=False)
            drawings.append(game.draw(codes))
            write_grid(options.out / f"epoch_{epoch}.png", drawings[-1])
            judge, draw = (sum(column) / len(losses) for column in zip(*losses, strict=True))
            print(f"epoch {epoch:2d}/{epochs}  loss of the judge {judge:.3f}, of the drawer {draw:.3f}", flush=True)
    except KeyboardInterrupt:
        if not drawings:
            sys.exit("\nstopped in the first epoch: nothing has been learnt")
        print("\nstopped: the rest is about what has been learnt so far")
    return flambeau.stack(drawings)


# ---- how good they are


def train_classifier(images, labels, epochs):
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(16, 32, 5, stride=2, padding=2), nn.ReLU()),
        *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 49, 10)),
    )
    optimizer = flambeau.optim.Adam(model.parameters(), lr=2e-3)
    loader = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True)
    for _ in range(epochs):
        for batch, target in tqdm(loader, "classifier", unit="batch", leave=False, disable=None):
            improve(optimizer, F.cross_entropy(model(batch), target))
    return model.eval()


@flambeau.no_grad()
def judge_of(classifier, images):
    """The share of images that the classifier is sure of, and how many digits it finds: exp of their entropy, 1 to 10."""
    probabilities = classifier(images).softmax(1)
    found = probabilities.mean(0)
    return (probabilities.amax(1) > 0.9).float().mean().item(), (-(found * found.log()).sum()).exp().item()


# ---- command line


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the idx files of MNIST")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--codes", type=int, default=64, help="random numbers that make an image (64)")
    parser.add_argument("--width", type=int, default=32, help="channels of the layers of 14 x 14 (32)")
    parser.add_argument("--lr", type=float, default=2e-4, help="learning rate of the discriminator (0.0002)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RUNS / "dcgan", help="folder to write into")
    parser.add_argument("--quick", action="store_true", help="one pass over 300 digits, to see that all is in place")
    return parser.parse_args()


def main():
    options = arguments()
    flambeau.manual_seed(options.seed)
    keep, epochs = (300, 1) if options.quick else (None, options.epochs)
    (images, labels), (test, _) = digits(options.data, options.seed)
    images, labels, test = images[:keep], labels[:keep], test[:keep]
    classifier = train_classifier(images, labels, 1 if options.quick else 5)
    game = Game(options.codes, options.width, options.lr)
    counts = [sum(p.numel() for p in network.parameters()) for network in (game.draws, game.judges)]
    print(f"{len(images)} digits; {counts[0]} parameters to draw, {counts[1]} to judge")

    options.out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    drawings = train(game, images, flambeau.randn(64, options.codes), options, epochs)
    seconds = time.perf_counter() - start

    steps = flambeau.linspace(0, len(drawings) - 1, min(len(drawings), 10)).round().long()
    write_grid(options.out / "progress.png", drawings[steps, :16].flatten(0, 1))
    sure, kinds = judge_of(classifier, game.draw(flambeau.randn(1000, options.codes)))
    written = judge_of(classifier, test)
    print(f"a classifier is sure of {sure:.0%} of 1,000 drawings and finds {kinds:.1f} digits, after {seconds:.1f} s")
    print(f"of written test digits it is sure of {written[0]:.0%} and finds {written[1]:.1f}")
    print(f"wrote {options.out / 'epoch_1.png'} to epoch_{len(drawings)}.png and progress.png")


if __name__ == "__main__":
    main()
