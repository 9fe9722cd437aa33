"""Muon."""

import flambeau
from flambeau.optim._functional import functional
from flambeau.optim.optimizer import FormulaOptimizer, check_lr, check_option, zeros_like

__all__ = ["Muon"]


class Muon(FormulaOptimizer):
    r"""Momentum whose update is replaced by the nearest orthogonal matrix.

    ``b += (1 - momentum) (g - b)``; ``u = orthogonal(nesterov ? g + momentum (b - g) : b)``;
    ``p = (1 - lr weight_decay) p - lr scale u``.

    Args:
        params: matrices, named matrices or groups of them.
        lr, weight_decay, momentum, nesterov: see the formula.
        ns_coefficients, ns_steps: of the Newton-Schulz iteration, which runs in bfloat16.
        eps: the smallest norm to divide by.
        adjust_lr_fn: ``"original"`` (or None): ``scale = sqrt(max(1, rows / columns))``; ``"match_rms_adamw"``:
            ``scale = 0.2 sqrt(max(rows, columns))``.

    Raises:
        ValueError: an option is out of range, or a parameter is no matrix.

    Example:
        >>> import flambeau
        >>> w = flambeau.ones(2, 2, requires_grad=True)
        >>> w.sum().backward()
        >>> flambeau.optim.Muon([w]).step()
        >>> bool((w < 1).all())
        True

    Source: Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        weight_decay=0.1,
        momentum=0.95,
        nesterov=True,
        ns_coefficients=(3.4445, -4.775, 2.0315),
        eps=1e-7,
        ns_steps=5,
        adjust_lr_fn=None,
    ):
        if isinstance(lr, flambeau.Tensor):
            check_lr(lr)
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        check_option(ns_steps < 100, "ns_steps (at least 100)", ns_steps)
        check_option(len(ns_coefficients) == 3, "ns_coefficients (three are needed)", ns_coefficients)
        super().__init__(
            params,
            {
                "lr": lr,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "nesterov": nesterov,
                "ns_coefficients": ns_coefficients,
                "eps": eps,
                "ns_steps": ns_steps,
                "adjust_lr_fn": adjust_lr_fn,
            },
        )
        for group in self.param_groups:
            for param in group["params"]:
                if param.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {param.size()}"
                    )

    def _start(self, param, state, group):
        if param.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        state["momentum_buffer"] = zeros_like(param)

    def _update(self, param, grad, state, group):
        momentum, buffer, lr = group["momentum"], state["momentum_buffer"], float(group["lr"])
        buffer.lerp_(grad, 1 - momentum)
        update = _orthogonal(grad.lerp(buffer, momentum) if group["nesterov"] else buffer, group)
        rows, columns = param.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            scale = 0.2 * max(rows, columns) ** 0.5
        else:
            scale = max(1, rows / columns) ** 0.5
        param.mul_(1 - lr * group["weight_decay"])
        param.add_(update, alpha=-lr * scale)


def _orthogonal(matrix, group):
    """The orthogonal factor of a matrix, by Newton-Schulz iteration on the wide one of it and its transpose."""
    a, b, c = group["ns_coefficients"]
    x = matrix.bfloat16()
    tall = x.size(0) > x.size(1)
    if tall:
        x = x.T
    x = x / x.norm().clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram = x @ x.T
        x = flambeau.addmm(x, flambeau.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


muon = functional(
    Muon,
    "muon_momentum_bufs",
    "",
    "foreach lr weight_decay momentum nesterov ns_coefficients ns_steps eps adjust_lr_fn has_complex",
)
