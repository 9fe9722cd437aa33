"""What waiting brings: ops that run as one, and weights that stay packed, beside the same without it and PyTorch, by turns.

python benchmarks/waiting.py [NAME] [--threads 1] [--markdown]
"""

import argparse

from timing import by_turns, libraries, readable


def gelu(lib, x):
    return 0.5 * x * (1 + lib.tanh(0.79788456 * (x + 0.044715 * x * x * x)))


def pointwise(size, formula):
    def body_of(lib):
        lib.manual_seed(0)
        x, w = lib.randn(size), lib.randn(size)
        return lambda: formula(lib, x, w)

    return body_of


def block(batch, channels, side, last):
    """A convolution, batch norm in eval mode, what was there before, and ReLU."""

    def body_of(lib):
        lib.manual_seed(0)
        conv, norm = lib.nn.Conv2d(channels, channels, 3, padding=1, bias=False), lib.nn.BatchNorm2d(channels).eval()
        x = lib.randn(batch, channels, side, side)
        if last:
            conv, x = conv.to(memory_format=lib.channels_last), x.to(memory_format=lib.channels_last)
        return lambda: lib.nn.functional.relu(norm(conv(x)) + x)

    return body_of


def product(rows, features, results):
    def body_of(lib):
        lib.manual_seed(0)
        x, w, b = lib.randn(rows, features), lib.randn(features, results), lib.randn(results)
        return lambda: lib.addmm(b, x, w)

    return body_of


def convolution(shape, results, kernel, stride):
    def body_of(lib):
        lib.manual_seed(0)
        layer, x = lib.nn.Conv2d(shape[1], results, kernel, stride, kernel // 2), lib.randn(*shape)
        return lambda: layer(x)

    return body_of


def transposed(shape, results, kernel, stride):
    def body_of(lib):
        lib.manual_seed(0)
        layer, x = lib.nn.ConvTranspose2d(shape[1], results, kernel, stride, 1), lib.randn(*shape)
        return lambda: layer(x)

    return body_of


CASES = {
    "ops that run as one": ("fuse", {
        "x * 2 + w, 1 M": pointwise(1 << 20, lambda lib, x, w: x * 2 + w),
        "x * 2 + w, 16 M": pointwise(1 << 24, lambda lib, x, w: x * 2 + w),
        "(x * w + x) * 0.5 - w, 1 M": pointwise(1 << 20, lambda lib, x, w: (x * w + x) * 0.5 - w),
        "(x * w + x) * 0.5 - w, 16 M": pointwise(1 << 24, lambda lib, x, w: (x * w + x) * 0.5 - w),
        "x * sigmoid(x), 1 M": pointwise(1 << 20, lambda lib, x, w: x * lib.sigmoid(x)),
        "gelu's formula, 64 K": pointwise(1 << 16, lambda lib, x, w: gelu(lib, x)),
        "gelu's formula, 1 M": pointwise(1 << 20, lambda lib, x, w: gelu(lib, x)),
        "gelu's formula, 16 M": pointwise(1 << 24, lambda lib, x, w: gelu(lib, x)),
        "conv + norm + add + relu, 1x64x56x56": block(1, 64, 56, False),
        "conv + norm + add + relu, 8x64x56x56": block(8, 64, 56, False),
        "the same, channels_last": block(8, 64, 56, True),
        "conv + norm + add + relu, 8x128x28x28": block(8, 128, 28, False),
        "conv + norm + add + relu, 32x16x64x64": block(32, 16, 64, False),
    }),
    "weights that stay packed": ("keep_packed_weights", {
        "addmm 768 to 3072, 16 rows": product(16, 768, 3072),
        "addmm 768 to 3072, 64 rows": product(64, 768, 3072),
        "3x3, 128 at 28x28": convolution((1, 128, 28, 28), 128, 3, 1),
        "3x3, 256 at 14x14": convolution((1, 256, 14, 14), 256, 3, 1),
        "3x3, 512 at 7x7": convolution((1, 512, 7, 7), 512, 3, 1),
        "3x3 stride 2, 256 at 28x28": convolution((1, 256, 28, 28), 256, 3, 2),
        "transposed 4x4 stride 2, 256 to 128 at 14x14": transposed((1, 256, 14, 14), 128, 4, 2),
        "1x1, 2048 to 512 at 7x7": convolution((1, 2048, 7, 7), 512, 1, 1),
        "1x1, 1024 to 256 at 14x14": convolution((1, 1024, 14, 14), 256, 1, 1),
    }),
}  # fmt: skip


def with_switch(lib, name, on, body):
    """A call of body with flambeau's switch set."""
    switch = getattr(lib.backends.cpu, name)

    def run():
        switch(on)
        with lib.no_grad():
            body()

    return run


def without_gradients(lib, body):
    def run():
        with lib.no_grad():
            body()

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    libs = libraries(["torch", "flambeau"], options.threads)
    for title, (switch, cases) in CASES.items():
        print(
            f"| {title} | PyTorch | without | with | PyTorch / with |\n|---|---:|---:|---:|---:|"
            if options.markdown
            else title
        )
        for name, make in cases.items():
            if options.name not in name:
                continue
            # Each with weights of its own: what is packed stays until its weight is used without the switch.
            bodies = {
                label: with_switch(libs["flambeau"], switch, label == "with", make(libs["flambeau"]))
                for label in ("without", "with")
            }
            if "torch" in libs:
                bodies["torch"] = without_gradients(libs["torch"], make(libs["torch"]))
            best = by_turns(bodies)
            theirs = best.get("torch", float("nan"))
            cells = [readable(theirs).strip(), readable(best["without"]).strip(), readable(best["with"]).strip()]
            ratio = f"{theirs / best['with']:.2f}"
            print(
                f"| {name} | {' | '.join(cells)} | {ratio} |"
                if options.markdown
                else f"  {name:40s} {'  '.join(cells)}  {ratio}"
            )


if __name__ == "__main__":
    main()
