"""Adadelta."""

import flambeau
from flambeau.optim._functional import functional
from flambeau.optim.adam import restore_steps
from flambeau.optim.optimizer import FormulaOptimizer, check_lr, check_option, new_step, number, zeros_like

__all__ = ["Adadelta"]


class Adadelta(FormulaOptimizer):
    r"""Steps as long as the recent ones: no learning rate to choose.

    ``v = rho v + (1 - rho) g^2``; ``d = sqrt(u + eps) / sqrt(v + eps) * g``; ``u = rho u + (1 - rho) d^2``;
    ``p -= lr d``, where ``g = grad + weight_decay * p``.

    Args:
        params: parameters, named parameters or groups.
        lr, rho, eps, weight_decay: see the formula.
        maximize: climb instead of descend.
        foreach, capturable: accepted.
        differentiable: let autograd record the step.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> import flambeau
        >>> w = flambeau.ones(2, requires_grad=True)
        >>> w.sum().backward()
        >>> flambeau.optim.Adadelta([w], rho=0.0, eps=1.0).step()
        >>> [round(x, 4) for x in w.tolist()]
        [0.2929, 0.2929]

    Source: Zeiler, ADADELTA: an adaptive learning rate method, 2012.
    """

    def __init__(
        self,
        params,
        lr=1.0,
        rho=0.9,
        eps=1e-6,
        weight_decay=0,
        foreach=None,
        *,
        capturable=False,
        maximize=False,
        differentiable=False,
    ):
        if isinstance(lr, flambeau.Tensor):
            check_lr(lr)
        check_option(lr >= 0.0, "learning rate", lr)
        check_option(0.0 <= rho <= 1.0, "rho value", rho)
        check_option(eps >= 0.0, "epsilon value", eps)
        check_option(weight_decay >= 0.0, "weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": capturable,
                "foreach": foreach,
                "differentiable": differentiable,
            },
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for key, value in (
                ("foreach", None),
                ("maximize", False),
                ("differentiable", False),
                ("capturable", False),
            ):
                group.setdefault(key, value)
        restore_steps(self)

    def _start(self, param, state, group):
        state["step"] = new_step()
        state["square_avg"] = zeros_like(param)
        state["acc_delta"] = zeros_like(param)

    def _update(self, param, grad, state, group):
        lr, rho, eps = number(group["lr"]), group["rho"], group["eps"]
        square, moved = state["square_avg"], state["acc_delta"]
        state["step"] += 1
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        square.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = moved.add(eps).sqrt() / square.add(eps).sqrt() * grad
        moved.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        if isinstance(lr, flambeau.Tensor):
            param.addcmul_(delta, lr, value=-1)
        else:
            param.add_(delta, alpha=-lr)


adadelta = functional(
    Adadelta,
    "square_avgs acc_deltas state_steps",
    "capturable foreach differentiable has_complex",
    "lr rho eps weight_decay maximize",
)
