"""Adafactor."""

import flambeau
from flambeau.optim._functional import functional
from flambeau.optim.optimizer import FormulaOptimizer, check_lr, check_option, count_step, new_step, number

__all__ = ["Adafactor"]


class Adafactor(FormulaOptimizer):
    r"""Adam's second moment of a matrix kept as one number per row and one per column.

    ``v ~ row col / mean(row)``, averaged with weight ``t^beta2_decay``; ``u = g / sqrt(v)``, divided by
    ``max(1, rms(u) / d)``; ``p -= max(eps2, rms(p)) min(lr, 1 / sqrt(t)) u``.

    Args:
        params: parameters, named parameters or groups.
        lr, beta2_decay, d: see the formula.
        eps: ``(eps1, eps2)``: the smallest ``sqrt(v)`` (None: the dtype's epsilon) and the smallest ``rms(p)``.
        weight_decay: taken off the parameter, times ``lr``.
        foreach: accepted.
        maximize: climb instead of descend.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> import flambeau
        >>> w = flambeau.ones(2, requires_grad=True)
        >>> w.sum().backward()
        >>> flambeau.optim.Adafactor([w], lr=0.25).step()
        >>> w.tolist()
        [0.75, 0.75]

    Source: Shazeer and Stern, Adafactor: adaptive learning rates with sublinear memory cost, 2018.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        beta2_decay=-0.8,
        eps=(None, 1e-3),
        d=1.0,
        weight_decay=0.0,
        *,
        foreach=None,
        maximize=False,
    ):
        if isinstance(lr, flambeau.Tensor):
            check_lr(lr)
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        check_option(weight_decay >= 0.0, "weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "beta2_decay": beta2_decay,
                "eps": eps,
                "d": d,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
            },
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)

    def _start(self, param, state, group):
        if param.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        state["step"] = new_step()
        if param.dim() > 1:
            shape = param.shape
            state["row_var"] = param.new_zeros((*shape[:-1], 1))
            state["col_var"] = param.new_zeros((*shape[:-2], 1, shape[-1]))
        else:
            state["variance"] = flambeau.zeros_like(param.detach())

    def _update(self, param, grad, state, group):
        lr, step, eps = number(group["lr"]), count_step(state), group["eps"]
        weight = step ** group["beta2_decay"]
        least = flambeau.finfo(param.dtype).eps if eps[0] is None else eps[0]
        scale = max(eps[1], param.norm(2).item() / param.numel() ** 0.5) * min(lr, 1 / step**0.5)
        if group["weight_decay"] != 0:
            param.mul_(1 - lr * group["weight_decay"])
        if grad.dim() > 1:
            variance = self._factored(grad, state, weight, least)
        else:
            state["variance"].lerp_(grad.square(), weight)
            variance = state["variance"].clone()
        update = variance.clamp_(min=least * least).rsqrt_().mul_(grad)
        clip = max(1.0, update.norm(2).item() / (update.numel() ** 0.5 * group["d"]))
        param.add_(update, alpha=-scale / clip)

    @staticmethod
    def _factored(grad, state, weight, least):
        rows, columns, squares = state["row_var"], state["col_var"], grad.square()
        rows.lerp_(squares.mean(dim=-1, keepdim=True), weight)
        columns.lerp_(squares.mean(dim=-2, keepdim=True), weight)
        return (rows @ columns).div_(rows.mean(dim=-2, keepdim=True).clamp_(min=least))


adafactor = functional(
    Adafactor,
    "row_vars col_vars variances state_steps",
    "foreach grad_scale found_inf has_complex",
    "d lr beta2_decay weight_decay eps1 eps2 maximize",
)
