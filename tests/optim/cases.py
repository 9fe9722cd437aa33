"""Optimizers and schedules under test, as functions of a module (flambeau or torch), and the runs that compare them.

`python -m tests.optim.cases` records torch's figures in recorded.json.
"""

import json
import math
from pathlib import Path

RECORDED = Path(__file__).with_name("recorded.json")
STEPS = 8

# Each optimizer with the options that take another path through its formula.
OPTIMIZERS = {
    "SGD": [
        {"lr": 0.1},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"lr": 0.01, "momentum": 0.5, "maximize": True},
    ],
    "Adam": [
        {"lr": 0.1},
        {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3},
        {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True},
        {"lr": 0.1, "maximize": True},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "AdamW": [{"lr": 0.1}, {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True}, {"lr": 0.1, "maximize": True}],
    "RMSprop": [
        {"lr": 0.1},
        {"lr": 0.1, "centered": True},
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1},
        {"lr": 0.1, "alpha": 0.5, "eps": 1e-2, "momentum": 0.5, "centered": True},
    ],
    "Adagrad": [
        {"lr": 0.1},
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1},
        {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-2, "maximize": True},
    ],
    "Adadelta": [{}, {"lr": 0.5, "rho": 0.5, "eps": 1e-2, "weight_decay": 0.1}, {"maximize": True}],
    "Adamax": [{"lr": 0.1}, {"lr": 0.1, "betas": (0.5, 0.7), "weight_decay": 0.1}],
    "NAdam": [
        {"lr": 0.1},
        {"lr": 0.1, "momentum_decay": 0.1, "weight_decay": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "RAdam": [
        {"lr": 0.1},
        {"lr": 0.1, "betas": (0.9, 0.7), "weight_decay": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "ASGD": [{"lr": 0.1}, {"lr": 0.1, "t0": 3, "lambd": 0.1, "alpha": 0.5, "weight_decay": 0.1}],
    "Rprop": [{"lr": 0.1}, {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (0.05, 0.2)}],
    "LBFGS": [
        {"lr": 0.5, "max_iter": 3},
        {"lr": 1.0, "max_iter": 4, "line_search_fn": "strong_wolfe"},
        {"max_iter": 5, "history_size": 2, "line_search_fn": "strong_wolfe"},
    ],
    "Adafactor": [{"lr": 0.1}, {"lr": 0.1, "weight_decay": 0.1, "d": 2.0, "eps": (1e-3, 1e-2), "maximize": True}],
    "Muon": [{"lr": 0.1}, {"lr": 0.1, "nesterov": False, "adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.5}],
}
CONFIGS = [(name, place) for name, configs in OPTIMIZERS.items() for place in range(len(configs))]
# Muon computes in bfloat16. The others may differ by rounding.
TOLERANCE = {"Muon": 2e-2}


def start(lib, name, dtype="float64"):
    """Parameters to begin with; Muon takes matrices only."""
    shapes = [(3, 2), (2, 4)] + ([] if name == "Muon" else [(5,), ()])
    params, seed = [], 0.3
    for shape in shapes:
        values = []
        for _ in range(math.prod(shape)):
            seed = (seed * 3.7 * (1 - seed) + 0.05) % 1
            values.append(2 * seed - 1)
        params.append(lib.tensor(values, dtype=getattr(lib, dtype)).reshape(shape).requires_grad_())
    return params


def loss_and_gradients(lib, params, step):
    """A bowl with ripples and a wind that turns with the steps, and its gradients, without autograd."""
    total = 0.0
    for place, param in enumerate(params):
        p = param.detach()
        wind = 0.3 * math.sin(step + place)
        param.grad = p * (1.0 + place) + 0.4 * lib.cos(3 * p) * 3 + wind
        total += float((p * p * (1.0 + place) / 2 + 0.4 * lib.sin(3 * p) + wind * p).sum())
    return total


def run(lib, name, options, dtype="float64", steps=STEPS, optimizer_class=None, params=None):
    """The parameters after each step, and the optimizer."""
    params = start(lib, name, dtype) if params is None else params
    optimizer = (optimizer_class or getattr(lib.optim, name))(params, **options)
    trace = []
    for step in range(steps):
        if name == "LBFGS":
            optimizer.step(lambda: lib.tensor(loss_and_gradients(lib, params, 0)))
        else:
            loss_and_gradients(lib, params, step)
            optimizer.step()
        trace.append([param.detach().reshape(-1).tolist() for param in params])
    return trace, optimizer


# ---------------------------------------------------------------- schedules

SCHEDULES = {
    "StepLR": lambda s, o: s.StepLR(o, 7, 0.7),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [5, 5, 30]),
    "LambdaLR": lambda s, o: s.LambdaLR(o, [lambda epoch: 0.95**epoch, lambda epoch: 1 / (epoch + 1)]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.97),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.3, 9),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.2, 0.9, 17),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.93),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 13, 0.001),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.001),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 60, 2.0),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=101),
    "OneCycleLR three phases": lambda s, o: s.OneCycleLR(
        o, [0.5, 0.1], epochs=10, steps_per_epoch=11, three_phase=True, anneal_strategy="linear"
    ),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 7),
    "CyclicLR triangular2": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 7, 3, mode="triangular2"),
    "CyclicLR exp_range": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 7, mode="exp_range", gamma=0.99),
    "CyclicLR scale_fn": lambda s, o: s.CyclicLR(o, [0.01, 0.02], 0.1, 7, scale_fn=lambda x: 1 / x),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1, 10), s.CosineAnnealingWarmRestarts(o, 7), s.ExponentialLR(o, 0.9)], [10, 50]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.LinearLR(o, 0.1, 1, 10), s.ExponentialLR(o, 0.98)]),
}


def two_groups(lib, kind="SGD"):
    """An optimizer with two groups of different learning rates."""
    first, second = (lib.zeros(1, requires_grad=True) for _ in range(2))
    options = {"momentum": 0.9} if kind == "SGD" else {}
    return getattr(lib.optim, kind)([{"params": [first]}, {"params": [second], "lr": 0.2}], lr=0.1, **options)


def run_schedule(lib, name, kind="SGD", steps=100):
    """Learning rate and momentum of both groups after each step."""
    optimizer = two_groups(lib, kind)
    scheduler = SCHEDULES[name](lib.optim.lr_scheduler, optimizer)
    trace = []
    for _ in range(steps):
        trace.append([[group["lr"], group.get("momentum", 0)] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return trace


def recorded():
    """Torch's figures."""
    return json.loads(RECORDED.read_text())


def record():
    """Writes torch's figures."""
    import torch

    optimizers = {f"{name} {place}": run(torch, name, OPTIMIZERS[name][place])[0][-1] for name, place in CONFIGS}
    schedules = {name: [[g[0] for g in step] for step in run_schedule(torch, name)[::7]] for name in SCHEDULES}
    RECORDED.write_text(json.dumps({"optimizers": optimizers, "schedules": schedules}, indent=None) + "\n")


if __name__ == "__main__":
    record()
