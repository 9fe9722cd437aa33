"""Adamax."""

import flambeau
from flambeau.optim._functional import functional
from flambeau.optim.adam import restore_steps
from flambeau.optim.optimizer import (
    FormulaOptimizer,
    check_betas,
    check_lr,
    check_option,
    count_step,
    new_step,
    number,
    zeros_like,
)

__all__ = ["Adamax"]


class Adamax(FormulaOptimizer):
    r"""Adam with the largest gradient in place of the root mean square.

    ``m = beta1 m + (1 - beta1) g``; ``u = max(beta2 u, |g| + eps)``; ``p -= lr / (1 - beta1^t) * m / u``, where
    ``g = grad + weight_decay * p``.

    Args:
        params: parameters, named parameters or groups.
        lr, betas, eps, weight_decay: see the formula.
        maximize: climb instead of descend.
        foreach, capturable: accepted.
        differentiable: let autograd record the step.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> import flambeau
        >>> w = flambeau.ones(2, requires_grad=True)
        >>> w.sum().backward()
        >>> flambeau.optim.Adamax([w], lr=0.25).step()
        >>> w.tolist()
        [0.75, 0.75]

    Source: Kingma and Ba, Adam: a method for stochastic optimization, 2014.
    """

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        if isinstance(lr, flambeau.Tensor):
            check_lr(lr)
        check_option(lr >= 0.0, "learning rate", lr)
        check_option(eps >= 0.0, "epsilon value", eps)
        check_betas(betas)
        check_option(weight_decay >= 0.0, "weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
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
        state["exp_avg"] = zeros_like(param)
        state["exp_inf"] = zeros_like(param)

    def _update(self, param, grad, state, group):
        (beta1, beta2), average, largest = group["betas"], state["exp_avg"], state["exp_inf"]
        step = count_step(state)
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        average.lerp_(grad, 1 - beta1)
        largest.copy_(flambeau.maximum(largest * beta2, grad.abs() + group["eps"]))
        rate = number(group["lr"]) / (1 - beta1**step)
        if group["differentiable"]:
            param.sub_(rate * average.clone() / largest.clone())
        else:
            param.addcdiv_(average, largest, value=-rate)


adamax = functional(
    Adamax,
    "exp_avgs exp_infs state_steps",
    "foreach maximize differentiable capturable has_complex",
    "eps beta1 beta2 lr weight_decay",
)
