"""Optimizers and schedules under test, as functions of a module (flambeau or torch), and the runs that compare them.

`python -m tests.optim.cases` records torch's figures in recorded.json.
"""

import importlib
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
    "SequentialLR of steps": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1, 10), s.MultiStepLR(o, [3, 7, 20], 0.3), s.PolynomialLR(o, 10, 0.5)], [10, 45]
    ),
    "SequentialLR nested": lambda s, o: s.SequentialLR(
        o,
        [
            s.SequentialLR(o, [s.ConstantLR(o, 0.5, 3), s.CosineAnnealingLR(o, 20)], [10]),
            s.LambdaLR(o, lambda e: 0.9**e),
        ],
        [32],
    ),
    "SequentialLR after a cycle": lambda s, o: s.SequentialLR(
        o, [s.OneCycleLR(o, 0.5, total_steps=30), s.ExponentialLR(o, 0.9)], [25]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.LinearLR(o, 0.1, 1, 10), s.ExponentialLR(o, 0.98)]),
    "ChainedScheduler of four": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9), s.StepLR(o, 10), s.CosineAnnealingLR(o, 30)]
    ),
    "MultiplicativeLR by group": lambda s, o: s.MultiplicativeLR(o, [lambda e: 0.95, lambda e: 1 - 0.01 / (e + 1)]),
    "OneCycleLR momenta": lambda s, o: s.OneCycleLR(
        o, [0.3, 0.4], total_steps=120, base_momentum=[0.8, 0.7], max_momentum=0.95, div_factor=10, final_div_factor=100
    ),
    "OneCycleLR without momentum": lambda s, o: s.OneCycleLR(
        o, 0.3, total_steps=120, cycle_momentum=False, pct_start=0.1
    ),
    "CyclicLR momenta": lambda s, o: s.CyclicLR(
        o, [0.01, 0.02], [0.1, 0.3], 5, 9, base_momentum=0.7, max_momentum=[0.9, 0.95]
    ),
    "CyclicLR by iterations": lambda s, o: s.CyclicLR(
        o, 0.01, 0.1, 5, cycle_momentum=False, scale_fn=lambda x: 0.9**x, scale_mode="iterations"
    ),
    "SWALR": lambda s, o: averages(s).SWALR(o, 0.05, 7),
    "SWALR linear": lambda s, o: averages(s).SWALR(o, [0.05, 0.5], 3, "linear"),
}
# The schedules of one kind, made to go on from an epoch.
RESUMED = {
    "StepLR": lambda s, o, last: s.StepLR(o, 7, 0.7, last_epoch=last),
    "MultiStepLR": lambda s, o, last: s.MultiStepLR(o, [5, 5, 30], last_epoch=last),
    "LambdaLR": lambda s, o, last: s.LambdaLR(o, lambda e: 0.95**e, last_epoch=last),
    "MultiplicativeLR": lambda s, o, last: s.MultiplicativeLR(o, lambda e: 0.97, last_epoch=last),
    "ConstantLR": lambda s, o, last: s.ConstantLR(o, 0.3, 30, last_epoch=last),
    "LinearLR": lambda s, o, last: s.LinearLR(o, 0.2, 0.9, 17, last_epoch=last),
    "ExponentialLR": lambda s, o, last: s.ExponentialLR(o, 0.93, last_epoch=last),
    "CosineAnnealingLR": lambda s, o, last: s.CosineAnnealingLR(o, 13, 0.001, last_epoch=last),
    "CosineAnnealingWarmRestarts": lambda s, o, last: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.001, last_epoch=last),
    "PolynomialLR": lambda s, o, last: s.PolynomialLR(o, 60, 2.0, last_epoch=last),
    "OneCycleLR": lambda s, o, last: s.OneCycleLR(o, 0.5, total_steps=101, last_epoch=last),
    "CyclicLR": lambda s, o, last: s.CyclicLR(o, 0.01, 0.1, 7, last_epoch=last),
    "SWALR": lambda s, o, last: averages(s).SWALR(o, 0.05, 7, last_epoch=last),
}


def averages(schedulers):
    """The swa_utils of a library, from its lr_scheduler."""
    return importlib.import_module(schedulers.__name__.replace("lr_scheduler", "swa_utils"))


def two_groups(lib, kind="SGD", rate=float):
    """An optimizer with two groups of different learning rates."""
    first, second = (lib.zeros(1, requires_grad=True) for _ in range(2))
    options = {"momentum": 0.9} if kind in ("SGD", "RMSprop") else {}
    groups = [{"params": [first]}, {"params": [second], "lr": rate(0.2)}]
    return getattr(lib.optim, kind)(groups, lr=rate(0.1), **options)


def seen(optimizer):
    """Learning rate and momentum of each group."""
    found = []
    for group in optimizer.param_groups:
        lr = group["lr"]
        found.append([lr if isinstance(lr, float) else lr.item(), group.get("momentum", group.get("betas", [0])[0])])
    return found


def run_schedule(lib, name, kind="SGD", steps=100, rate=float):
    """What is seen of both groups after each step."""
    optimizer = two_groups(lib, kind, rate)
    scheduler = SCHEDULES[name](lib.optim.lr_scheduler, optimizer)
    trace = []
    for _ in range(steps):
        trace.append(seen(optimizer))
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
    schedules = {name: run_schedule(torch, name)[::7] for name in SCHEDULES}
    RECORDED.write_text(json.dumps({"optimizers": optimizers, "schedules": schedules}, indent=None) + "\n")


if __name__ == "__main__":
    record()
