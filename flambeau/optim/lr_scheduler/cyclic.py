"""Schedules that move momentum too."""

import math

from flambeau.optim.lr_scheduler.base import LRScheduler, function_states, per_group, set_option
from flambeau.optim.optimizer import Optimizer


def _takes_beta1(optimizer):
    """True if momentum is Adam's first beta, False if it is called momentum."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
    return "betas" in optimizer.defaults


def _set_momentum(group, beta1, momentum):
    if beta1:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


class CyclicLR(LRScheduler):
    """``lr`` goes up and down between ``base_lr`` and ``max_lr``, and momentum the other way.

    Args:
        optimizer: the optimizer.
        base_lr, max_lr: the bounds, for all groups or a list.
        step_size_up, step_size_down: steps up and (None: as many) down.
        mode: ``"triangular"``, ``"triangular2"`` (half the height each cycle) or ``"exp_range"`` (height times
            ``gamma ** steps``).
        gamma: of ``"exp_range"``.
        scale_fn, scale_mode: a function for the height, of the cycle's or (``"iterations"``) the step's number.
        cycle_momentum, base_momentum, max_momentum: whether, and between which bounds, momentum moves.
        last_epoch: -1 to start.

    Raises:
        ValueError: an unknown mode, or the optimizer has no momentum.

    Example:
        >>> import flambeau
        >>> from flambeau.optim.lr_scheduler import CyclicLR
        >>> optimizer = flambeau.optim.SGD([flambeau.zeros(1)], lr=1.0, momentum=0.9)
        >>> scheduler = CyclicLR(optimizer, base_lr=0.5, max_lr=1.0, step_size_up=2)
        >>> optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.75]

    Source: Smith, Cyclical learning rates for training neural networks, 2015.
    """

    def __init__(
        self,
        optimizer,
        base_lr,
        max_lr,
        step_size_up=2000,
        step_size_down=None,
        mode="triangular",
        gamma=1.0,
        scale_fn=None,
        scale_mode="cycle",
        cycle_momentum=True,
        base_momentum=0.8,
        max_momentum=0.9,
        last_epoch=-1,
    ):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=False):
                set_option(group, "lr", lr)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _start_momentum(self, optimizer, base_momentum, max_momentum, last_epoch):
        self.use_beta1 = _takes_beta1(optimizer)
        self.base_momentums = per_group("base_momentum", optimizer, base_momentum)
        self.max_momentums = per_group("max_momentum", optimizer, max_momentum)
        if last_epoch == -1:
            for high, low, group in zip(self.max_momentums, self.base_momentums, optimizer.param_groups, strict=False):
                _set_momentum(group, self.use_beta1, high)
                group["max_momentum"], group["base_momentum"] = high, low

    def scale_fn(self, x):
        """The height of the cycle or step with number ``x``, 1 in the beginning."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / (2.0 ** (x - 1)) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self):
        """The next learning rates; sets momentum too."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for low, high, group in zip(
                self.base_momentums, self.max_momentums, self.optimizer.param_groups, strict=False
            ):
                _set_momentum(group, self.use_beta1, high - (high - low) * height * scale)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=False)]

    def state_dict(self):
        """All attributes but the optimizer and a plain ``scale_fn``."""
        state = super().state_dict()
        state["_scale_fn_custom"] = function_states([self._scale_fn_custom])[0]
        return state

    def load_state_dict(self, state_dict):
        """Takes over a state made by ``state_dict``."""
        state = dict(state_dict)
        saved = state.pop("_scale_fn_custom", None)
        if saved is not None:
            self._scale_fn_custom.__dict__.update(saved)
        super().load_state_dict(state)


def _cosine(start, end, part):
    return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)


def _line(start, end, part):
    return (end - start) * part + start


class OneCycleLR(LRScheduler):
    """``lr`` rises from ``max_lr / div_factor`` to ``max_lr``, then falls far below where it began; once per batch.

    Args:
        optimizer: the optimizer.
        max_lr: the top, for all groups or a list.
        total_steps: steps in all, or ``epochs`` times ``steps_per_epoch``.
        pct_start: part of the steps that go up.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        cycle_momentum, base_momentum, max_momentum: whether, and between which bounds, momentum moves the other way.
        div_factor: ``max_lr`` over the first learning rate.
        final_div_factor: the first learning rate over the last.
        three_phase: fall to the first learning rate as long as it rose, then to the last.
        last_epoch: -1 to start.

    Raises:
        ValueError: the number of steps is not given, an option is out of range, or too many steps are taken.

    Example:
        >>> import flambeau
        >>> from flambeau.optim.lr_scheduler import OneCycleLR
        >>> optimizer = flambeau.optim.SGD([flambeau.zeros(1)], lr=1.0, momentum=0.9)
        >>> scheduler = OneCycleLR(optimizer, max_lr=1.0, total_steps=10, div_factor=4)
        >>> [round(lr, 6) for lr in scheduler.get_last_lr()]
        [0.25]

    Source: Smith and Topin, Super-convergence, 2017.
    """

    def __init__(
        self,
        optimizer,
        max_lr,
        total_steps=None,
        epochs=None,
        steps_per_epoch=None,
        pct_start=0.3,
        anneal_strategy="cos",
        cycle_momentum=True,
        base_momentum=0.85,
        max_momentum=0.95,
        div_factor=25.0,
        final_div_factor=1e4,
        three_phase=False,
        last_epoch=-1,
    ):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        self.total_steps = self._count_steps(total_steps, epochs, steps_per_epoch)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        self._schedule_phases = self._phases(pct_start, three_phase)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        max_lrs = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, max_lrs, strict=False):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    @staticmethod
    def _count_steps(total_steps, epochs, steps_per_epoch):
        for name, value in (("total_steps", total_steps), ("epochs", epochs), ("steps_per_epoch", steps_per_epoch)):
            if value is not None and (value <= 0 or not isinstance(value, int)):
                raise ValueError(f"Expected positive integer {name}, but got {value}")
            if name == "total_steps" and value is not None:
                return value
        if epochs is None or steps_per_epoch is None:
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        return epochs * steps_per_epoch

    def _phases(self, pct_start, three_phase):
        def phase(end, lrs, momentums):
            return {
                "end_step": end,
                "start_lr": lrs[0],
                "end_lr": lrs[1],
                "start_momentum": momentums[0],
                "end_momentum": momentums[1],
            }

        rise = phase(
            float(pct_start * self.total_steps) - 1, ("initial_lr", "max_lr"), ("max_momentum", "base_momentum")
        )
        if not three_phase:
            return [rise, phase(self.total_steps - 1, ("max_lr", "min_lr"), ("base_momentum", "max_momentum"))]
        return [
            rise,
            phase(
                float(2 * pct_start * self.total_steps) - 2, ("max_lr", "initial_lr"), ("base_momentum", "max_momentum")
            ),
            phase(self.total_steps - 1, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum")),
        ]

    def _start_momentum(self, optimizer, base_momentum, max_momentum, last_epoch):
        self.use_beta1 = _takes_beta1(optimizer)
        lows = per_group("base_momentum", optimizer, base_momentum)
        highs = per_group("max_momentum", optimizer, max_momentum)
        if last_epoch == -1:
            for high, low, group in zip(highs, lows, optimizer.param_groups, strict=False):
                _set_momentum(group, self.use_beta1, high)
                group["max_momentum"], group["base_momentum"] = high, low

    def get_lr(self):
        """The next learning rates; sets momentum too."""
        self._warn_outside_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"Tried to step {step} times. The specified number of total steps is {self.total_steps}")
        between = _cosine if self._anneal_func_type == "cos" else _line
        start, phases = 0.0, self._schedule_phases
        for phase in phases:
            if step <= phase["end_step"] or phase is phases[-1]:
                break
            start = phase["end_step"]
        part = (step - start) / (phase["end_step"] - start)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                momentum = between(group[phase["start_momentum"]], group[phase["end_momentum"]], part)
                _set_momentum(group, self.use_beta1, momentum)
        return [
            between(group[phase["start_lr"]], group[phase["end_lr"]], part) for group in self.optimizer.param_groups
        ]
