"""Scaling of losses, so that gradients in half precision do not vanish."""

import enum
import math
import warnings
from collections import defaultdict

import flambeau

__all__ = ["GradScaler", "OptState"]


class OptState(enum.Enum):
    """How far an optimizer has come in an iteration.

    >>> flambeau.amp.grad_scaler.OptState.UNSCALED.value
    1
    """

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _fresh_state():
    return {"stage": OptState.READY, "found_inf_per_device": {}}


class GradScaler:
    """Multiplies losses by a scale that adapts: it grows while gradients are finite and backs off when they are not.

    An iteration is `scale(loss).backward()`, `step(optimizer)`, `update()`; `unscale_(optimizer)` comes before the step if
    gradients are looked at (clipped, say). A step whose gradients are not all finite is skipped.

    Args:
        device: what the tensors are on; "cpu" here, as "cuda" (the default) disables the scaler with a warning.
        init_scale: the scale to begin with.
        growth_factor: what the scale is multiplied by after growth_interval iterations without an infinite gradient.
        backoff_factor: what it is multiplied by after one with.
        growth_interval: number of iterations.
        enabled: False: nothing is scaled, and steps are plain steps.

    >>> w = flambeau.ones(2, requires_grad=True)
    >>> optimizer = flambeau.optim.SGD([w], lr=0.1)
    >>> scaler = flambeau.amp.GradScaler("cpu", init_scale=1024.0)
    >>> scaler.scale(w.sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w
    tensor([0.9000, 0.9000], requires_grad=True)
    """

    def __init__(
        self,
        device="cuda",
        init_scale=2.0**16,
        growth_factor=2.0,
        backoff_factor=0.5,
        growth_interval=2000,
        enabled=True,
    ):
        self._device, self._enabled = device, enabled
        if enabled and device == "cuda" and not flambeau.cuda.is_available():
            message = "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling."
            warnings.warn(message, stacklevel=2)
            self._enabled = False
        if not self._enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale, self._scale = init_scale, None
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval, self._init_growth_tracker = growth_interval, 0
        self._growth_tracker = None
        self._per_optimizer_states = defaultdict(_fresh_state)

    def _check_scale(self, name):
        if self._scale is None:
            raise AssertionError(
                f"Attempted {name} but _scale is None.  This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )

    def scale(self, outputs):
        """The outputs times the scale.

        Args:
            outputs: a tensor, or an iterable of them, nested.

        Returns:
            The same: lists and tuples as such, other iterables as an iterator.
        """
        if not self._enabled:
            return outputs
        if self._scale is None:
            self._lazy_init_scale_growth_tracker(flambeau.device("cpu"))
        return self._scaled(outputs)

    def _lazy_init_scale_growth_tracker(self, dev):
        self._scale = flambeau.full((), self._init_scale, dtype=flambeau.float32, device=dev)
        self._growth_tracker = flambeau.full((), self._init_growth_tracker, dtype=flambeau.int32, device=dev)

    def _get_scale_async(self):
        return self._scale

    def _scaled(self, outputs):
        if isinstance(outputs, flambeau.Tensor):
            return outputs * self._scale
        if not hasattr(outputs, "__iter__"):
            raise ValueError("[GradScaler.scale] outputs must be a Tensor or an iterable of Tensors")
        scaled = map(self._scaled, outputs)
        return type(outputs)(scaled) if isinstance(outputs, list | tuple) else scaled

    def unscale_(self, optimizer):
        """Divide the gradients of an optimizer's parameters by the scale, in place, once in an iteration.

        Args:
            optimizer: an Optimizer.

        Raises:
            RuntimeError: if this was done already, or the step was.
            ValueError: for gradients in float16.
        """
        if not self._enabled:
            return
        self._check_scale("unscale_")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse = self._scale.double().reciprocal().float()
        state["found_inf_per_device"] = self._unscale_grads_(optimizer, inverse, False)
        state["stage"] = OptState.UNSCALED

    def _unscale_grads_(self, optimizer, inverse, allow_fp16):
        """Multiply the gradients; {device: 1.0 if one was not finite}."""
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if not grads:
            return {}
        found = False
        with flambeau.no_grad():
            for grad in grads:
                if grad.dtype is flambeau.float16 and not allow_fp16:
                    raise ValueError("Attempting to unscale FP16 gradients.")
                values = grad._values() if grad.is_sparse else grad
                found = found or not flambeau.isfinite(values).all().item()
                values.mul_(inverse)
        return {grads[0].device: flambeau.full((), float(found))}

    def step(self, optimizer, *args, **kwargs):
        """optimizer.step(*args, **kwargs), unless a gradient is infinite or NaN; gradients are unscaled first if need be.

        Args:
            optimizer: an Optimizer.

        Returns:
            What its step returned, None if it was skipped.

        Raises:
            RuntimeError: for a closure, and for a second step without update() between.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_scale("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if state["stage"] is OptState.READY:
            self.unscale_(optimizer)
        if not state["found_inf_per_device"]:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        result = self._maybe_opt_step(optimizer, state, *args, **kwargs)
        state["stage"] = OptState.STEPPED
        return result

    def _maybe_opt_step(self, optimizer, optimizer_state, *args, **kwargs):
        """The step, unless something was not finite; what subclasses replace."""
        if any(found.item() for found in optimizer_state["found_inf_per_device"].values()):
            return None
        return optimizer.step(*args, **kwargs)

    def _check_inf_per_device(self, optimizer):
        """Looks for infinities without a change; {device: 1.0 if there was one}."""
        found = self._unscale_grads_(optimizer, flambeau.full((), 1.0), True)
        self._per_optimizer_states[id(optimizer)]["found_inf_per_device"] = found
        return found

    def _found_inf_per_device(self, optimizer):
        return self._per_optimizer_states[id(optimizer)]["found_inf_per_device"]

    def update(self, new_scale=None):
        """End the iteration: let the scale grow or back off.

        Args:
            new_scale: set the scale to this number, or tensor of one float32, instead.
        """
        if not self._enabled:
            return
        self._check_scale("update")
        if new_scale is not None:
            self._set_scale(new_scale)
        else:
            states = self._per_optimizer_states.values()
            found = [value.item() for state in states for value in state["found_inf_per_device"].values()]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            self._adapt(any(found))
        self._per_optimizer_states = defaultdict(_fresh_state)

    def _set_scale(self, new_scale):
        if isinstance(new_scale, float):
            self._scale.fill_(new_scale)
            return
        good = isinstance(new_scale, flambeau.Tensor) and new_scale.dtype is flambeau.float32
        if not (good and new_scale.numel() == 1 and not new_scale.requires_grad):
            raise AssertionError(
                "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with requires_grad=False."
            )
        self._scale.copy_(new_scale)

    def _adapt(self, found_inf):
        if found_inf:
            self._scale.fill_(self._scale.item() * self._backoff_factor)
            self._growth_tracker.fill_(0)
            return
        good = self._growth_tracker.item() + 1
        if good == self._growth_interval:
            grown = flambeau.tensor(self._scale.item() * self._growth_factor, dtype=flambeau.float64).float()
            if math.isfinite(grown.item()):
                self._scale.copy_(grown)
            good = 0
        self._growth_tracker.fill_(good)

    def get_scale(self):
        """The scale as a number; 1.0 if the scaler is disabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def get_growth_factor(self):
        """What the scale grows by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor):
        """Set what the scale grows by."""
        self._growth_factor = new_factor

    def get_backoff_factor(self):
        """What the scale is multiplied by after infinite gradients."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor):
        """Set what the scale is multiplied by after infinite gradients."""
        self._backoff_factor = new_factor

    def get_growth_interval(self):
        """After how many good iterations the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval):
        """Set after how many good iterations the scale grows."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self):
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._growth_tracker is None else int(self._growth_tracker.item())

    def is_enabled(self):
        """Whether the scaler does anything."""
        return self._enabled

    def state_dict(self):
        """The scale and how it changes, as a dict of numbers; empty if the scaler is disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict):
        """Take over what state_dict() returned.

        Raises:
            RuntimeError: if it is empty, from a scaler that was disabled.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._growth_tracker is not None:
            self._growth_tracker.fill_(state_dict["_growth_tracker"])

    def __getstate__(self):
        state = self.__dict__.copy()
        if self._enabled:
            if self._per_optimizer_states:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                    "scaler.update()."
                )
            state.update(_init_scale=self.get_scale(), _init_growth_tracker=self._get_growth_tracker())
            state.update(_scale=None, _growth_tracker=None)
        return state
