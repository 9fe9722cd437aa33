"""Optimizer steps, whole training steps of small networks, clipping and zeroing gradients: flambeau beside torch, by turns.

    python benchmarks/optimizers.py [NAME] [--threads 1] [--markdown]

Page faults are those of 1,000 steady steps of the same body.
"""

import argparse
import resource

from timing import by_turns, libraries, readable

TINY = ((16, 2), (16,), (1, 16), (1,))
OPTIMIZERS = {
    "SGD": {"lr": 1e-3},
    "SGD momentum": {"lr": 1e-3, "momentum": 0.9},
    "Adam": {"lr": 1e-3},
    "AdamW": {"lr": 1e-3},
    "RMSprop": {"lr": 1e-3},
    "Adagrad": {"lr": 1e-3},
    "Adamax": {"lr": 1e-3},
    "NAdam": {"lr": 1e-3},
    "RAdam": {"lr": 1e-3},
    "Adadelta": {"lr": 1e-3},
    "ASGD": {"lr": 1e-3},
    "Rprop": {"lr": 1e-3},
    "Adafactor": {"lr": 1e-3},
}


def parameters(lib, shapes):
    params = [lib.randn(*shape).requires_grad_() for shape in shapes]
    for param in params:
        param.grad = lib.randn(*param.shape)
    return params


def optimizer(lib, name, params):
    return getattr(lib.optim, name.split()[0])(params, **OPTIMIZERS[name])


def step_of(name, shapes):
    """One step on parameters of these shapes."""
    return lambda lib: optimizer(lib, name, parameters(lib, shapes)).step


def training_step(name, sizes, batch, loss):
    """Forward, loss, backward, step, zero_grad of a multilayer perceptron."""

    def body_of(lib):
        layers = []
        for rows, columns in zip(sizes, sizes[1:], strict=False):
            layers += [lib.nn.Linear(rows, columns), lib.nn.ReLU()]
        model = lib.nn.Sequential(*layers[:-1])
        steps = optimizer(lib, name, model.parameters())
        x = lib.randn(batch, sizes[0])
        target = lib.randn(batch, sizes[-1]) if loss == "mse_loss" else lib.randint(0, sizes[-1], (batch,))
        measure = getattr(lib.nn.functional, loss)

        def body():
            measure(model(x), target).backward()
            steps.step()
            steps.zero_grad()

        return body

    return body_of


def clipping(count):
    def body_of(lib):
        params = parameters(lib, [(16, 16)] * count)
        return lambda: lib.nn.utils.clip_grad_norm_(params, 1e9)

    return body_of


def zeroing(count):
    def body_of(lib):
        params = parameters(lib, [(16, 16)] * count)
        steps, grads = lib.optim.SGD(params, lr=0.1), [param.grad for param in params]

        def body():
            for param, grad in zip(params, grads, strict=True):
                param.grad = grad
            steps.zero_grad()

        return body

    return body_of


BODIES = {
    **{f"{name}, 4 tiny tensors": step_of(name, TINY) for name in OPTIMIZERS},
    **{f"{name}, 100 tensors of 256": step_of(name, [(16, 16)] * 100) for name in ("SGD", "SGD momentum", "Adam")},
    **{f"{name}, one million elements": step_of(name, [(1000, 1000)]) for name in ("SGD", "Adam", "NAdam")},
    "MLP 2-16-1, batch 4, SGD": training_step("SGD", (2, 16, 1), 4, "mse_loss"),
    "MLP 2-16-1, batch 4, Adam": training_step("Adam", (2, 16, 1), 4, "mse_loss"),
    "MLP 784-128-10, batch 64, Adam": training_step("Adam", (784, 128, 10), 64, "cross_entropy"),
    "clip_grad_norm_, 4 tensors": clipping(4),
    "clip_grad_norm_, 100 tensors": clipping(100),
    "zero_grad, 100 tensors": zeroing(100),
}


def faults(body):
    for _ in range(100):
        body()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(1000):
        body()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default="", help="bodies with this text in their name")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    libs = libraries(("flambeau", "torch"), options.threads)
    line = "| {} | {} | {} | {} | {} |" if options.markdown else "{:32s} {:>11s} {:>11s} {:>8s} {:>8s}"
    print(line.format("step", "torch", "flambeau", "ratio", "faults"))
    if options.markdown:
        print("| --- | --- | --- | --- | --- |")
    for name, body_of in BODIES.items():
        if options.name not in name:
            continue
        bodies = {lib: body_of(module) for lib, module in libs.items()}
        best = by_turns(bodies, rounds=400, seconds=0.0004, pause=0)  # short blocks fit between other work
        theirs = best.get("torch")
        print(
            line.format(
                name,
                readable(theirs).strip() if theirs else "-",
                readable(best["flambeau"]).strip(),
                f"{theirs / best['flambeau']:.1f}" if theirs else "-",
                str(faults(bodies["flambeau"])),
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
