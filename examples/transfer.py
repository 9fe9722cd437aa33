"""Transfer learning: a ResNet-18 that has learnt one thing, frozen, makes another learnable from a handful of images.

    python examples/transfer.py                                         digits: learns 0-4, then 5-9 from few examples
    python examples/transfer.py --weights resnet18-f37072fd.pth         the same with torchvision's weights (ImageNet)
    python examples/transfer.py --weights resnet18-f37072fd.pth --data FOLDER --shots 10 --size 128
                                                your own images: FOLDER has a folder of images for each class

The network is taught the digits 0 to 4 (or gets its weights from a file: the keys are torchvision's). Then
its last layers are cut off, the others stay as they are, and one new layer is trained on `shots` images of
each new class. Beside it, the same network learns from the same images from scratch. Both are tested on other
images of these classes.
Where to cut (--cut): late layers know best what they were taught, early ones what is common to all images.
Five digits teach little, so the cut is early here; ImageNet has a thousand classes, so with --weights only
the last layer goes.
Writes into runs/transfer/: transfer.png, backbone.pt (what was frozen) and head.pt (the new layer).
Takes about a minute on two cores. Test accuracy to expect on digits 5-9 with 10 examples of each: 88 %
frozen, 81 % from scratch.
"""

import argparse
import sys
import time
from collections import OrderedDict
from pathlib import Path

import matplotlib.pyplot as plt
from data import RUNS, digits
from tqdm import tqdm

import flambeau
from flambeau import nn
from flambeau.nn import functional as F
from flambeau.utils.data import DataLoader
from flambeau.vision import transforms
from flambeau.vision.datasets import ImageFolder
from flambeau.vision.models import resnet18

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # of the images that torchvision's weights were trained on
LAYERS = ["layer1", "layer2", "layer3", "layer4"]


# ---- data: images (N, 3, H, W) normalised as above, labels (N,) from 0 on, names of the classes


def digit_images(low, high, options):
    """The digits from low to high: (training images, labels), (test images, labels)."""
    keep = 50 if options.quick else None
    normalise = transforms.Normalize(MEAN, STD)
    parts = []
    for images, labels in digits(seed=options.seed):
        chosen = ((labels >= low) & (labels <= high)).nonzero().flatten()[:keep]
        parts.append((normalise(images[chosen].expand(-1, 3, -1, -1)), labels[chosen] - low))
    return parts


def folder_images(folder, size):
    """The images of a folder of folders, at one size."""
    steps = [
        transforms.Resize(size),
        transforms.CenterCrop(size),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]
    found = ImageFolder(folder, transforms.Compose(steps))
    bar = tqdm(DataLoader(found, batch_size=16), desc="reading", leave=False, disable=None)
    images, labels = zip(*bar, strict=True)
    return flambeau.cat(images), flambeau.cat(labels), found.classes


def few_of_each(labels, shots):
    """Whether each image is among the first `shots` of its class, (N,) bool."""
    return F.one_hot(labels).cumsum(0).gather(1, labels[:, None]).squeeze(1) <= shots


# ---- training


def train(model, images, labels, steps, lr, title, batch=64):
    """Steps of AdamW with a falling learning rate on random batches, for the parameters that are not frozen."""
    free = [p for p in model.parameters() if p.requires_grad]
    optimizer = flambeau.optim.AdamW(free, lr=lr)
    schedule = flambeau.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    model.train()
    bar = tqdm(range(steps), desc=title, unit="step", leave=False, disable=None)
    for _ in bar:
        chosen = flambeau.randperm(len(labels))[:batch]
        loss = F.cross_entropy(model(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    return model


@flambeau.no_grad()
def run_over(model, images, batch=100):
    model.eval()
    return flambeau.cat([model(part) for part in images.split(batch)])


def accuracy(model, images, labels):
    return (run_over(model, images).argmax(1) == labels).float().mean().item()


def backbone_of(options):
    """The first layers of a ResNet-18 that knows something, frozen: images (N, 3, H, W) in, features (N, F) out."""
    if options.weights is not None:
        model = resnet18()
        model.load_state_dict(flambeau.load(options.weights))
    else:
        (images, labels), test = digit_images(0, 4, options)
        model = train(resnet18(num_classes=5), images, labels, options.steps, 1e-3, "learning 0-4")
        print(f"digits 0-4: {accuracy(model, *test):.1%} of the test digits right", flush=True)
    names = [name for name, _ in model.named_children()]  # conv1, bn1, relu, maxpool, layer1, ... layer4, avgpool, fc
    kept = names[: names.index(options.cut) + 1]
    backbone = nn.Sequential(OrderedDict((name, getattr(model, name)) for name in kept))
    backbone.append(nn.Flatten())
    return backbone.requires_grad_(False).eval()  # eval: batch norm keeps its statistics, too


def with_new_head(backbone, images, labels, classes, steps):
    """A last layer trained on what the frozen backbone says of the images, which is computed only once."""
    features = run_over(backbone, images)
    return train(nn.Linear(features.shape[1], classes), features, labels, steps, 3e-3, "new head")


def compare(backbone, pool, test, classes, shots, options):
    """Accuracy with the frozen backbone and from scratch, both with `shots` examples of each class; the new head."""
    images, labels = pool
    few = few_of_each(labels, shots)
    head = with_new_head(backbone, images[few], labels[few], classes, 2 * options.steps)
    frozen = accuracy(nn.Sequential(backbone, head), *test)
    scratch = train(resnet18(num_classes=classes), images[few], labels[few], options.steps, 1e-3, "from scratch")
    return frozen, accuracy(scratch, *test), head


# ---- picture


def draw(path, shots, frozen, scratch, what):
    figure = plt.figure(figsize=(6.5, 4.2), layout="constrained")
    panel = figure.subplots()
    for values, label, mark, dy in (
        (frozen, "frozen backbone, new head", "o-", 7),
        (scratch, "from scratch", "s--", -15),
    ):
        panel.plot(shots, values, mark, label=label)
        for x, y in zip(shots, values, strict=True):
            panel.annotate(f"{y:.0%}", (x, y), xytext=(0, dy), textcoords="offset points", ha="center", fontsize=9)
    panel.set(
        xscale="log", xticks=shots, ylim=(0, 1.05), xlabel="examples of each class", ylabel="test accuracy", title=what
    )
    panel.set_xticks(shots, [str(n) for n in shots])
    panel.minorticks_off()
    panel.grid(alpha=0.3)
    panel.legend(loc="lower right")
    figure.savefig(path, dpi=100)


# ---- command line


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="state_dict of a ResNet-18, such as torchvision publishes")
    parser.add_argument("--data", type=Path, help="folder with a folder of images for each class (needs --weights)")
    parser.add_argument("--size", type=int, default=224, help="size of the images of --data")
    parser.add_argument(
        "--shots", type=int, nargs="+", default=[2, 10, 50], help="examples of each class, one run each"
    )
    parser.add_argument("--steps", type=int, default=60, help="steps of 64 images to train a whole network")
    parser.add_argument("--cut", choices=[*LAYERS, "avgpool"], help="the last layer to keep")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RUNS / "transfer", help="folder to write into")
    parser.add_argument("--quick", action="store_true", help="two steps, to see that all is in place")
    options = parser.parse_args()
    if options.data is not None and options.weights is None:
        parser.error("--data needs --weights: what a network learns from digits does not help with other images")
    options.cut = options.cut or ("layer2" if options.weights is None else "avgpool")
    if options.quick:
        options.steps, options.shots = 2, [2]
    return options


def main():
    options = arguments()
    flambeau.manual_seed(options.seed)
    start = time.perf_counter()
    if options.data is not None:
        images, labels, names = folder_images(options.data, options.size)
        pool = test = images, labels
        kept = few_of_each(labels, max(options.shots))
        pool, test = (images[kept], labels[kept]), (images[~kept], labels[~kept])
        if not len(test[1]):
            sys.exit(f"{options.data} has no images left to test on: ask for fewer --shots")
        what = f"{len(names)} classes: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}"
    else:
        pool, test = digit_images(5, 9, options)
        names, what = list("56789"), "digits 5-9"
    backbone = backbone_of(options)

    frozen, scratch = [], []
    for shots in options.shots:
        with_frozen, from_scratch, head = compare(backbone, pool, test, len(names), shots, options)
        frozen.append(with_frozen)
        scratch.append(from_scratch)
        print(f"{what}, {shots:3d} of each: frozen {with_frozen:.1%}, from scratch {from_scratch:.1%}", flush=True)

    options.out.mkdir(parents=True, exist_ok=True)
    flambeau.save(backbone.state_dict(), options.out / "backbone.pt")
    flambeau.save({"head": head.state_dict(), "classes": names}, options.out / "head.pt")
    draw(options.out / "transfer.png", options.shots, frozen, scratch, f"{what}, tested on {len(test[1])} images")
    print(f"wrote transfer.png, backbone.pt and head.pt to {options.out} after {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
