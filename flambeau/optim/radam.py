"""RAdam."""

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

__all__ = ["RAdam"]


class RAdam(FormulaOptimizer):
    r"""Adam that takes plain momentum steps until the variance of its step size is known well enough.

    With ``n = 2 / (1 - beta2) - 1`` and ``n_t = n - 2 t beta2^t / (1 - beta2^t)``, Adam's step is multiplied by
    ``sqrt((n_t - 4) (n_t - 2) n / ((n - 4) (n - 2) n_t))`` where ``n_t > 5``, and is
    ``lr m / (1 - beta1^t)`` elsewhere.

    Args:
        params: parameters, named parameters or groups.
        lr, betas, eps: as for Adam.
        weight_decay: added to the gradient; with ``decoupled_weight_decay`` taken off the parameter.
        maximize: climb instead of descend.
        foreach, capturable: accepted.
        differentiable: let autograd record the step.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> import flambeau
        >>> w = flambeau.ones(2, requires_grad=True)
        >>> w.sum().backward()
        >>> flambeau.optim.RAdam([w], lr=0.25).step()
        >>> w.tolist()
        [0.75, 0.75]

    Source: Liu et al., On the variance of the adaptive learning rate and beyond, 2019.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
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
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "decoupled_weight_decay": decoupled_weight_decay,
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
                ("decoupled_weight_decay", False),
                ("capturable", False),
            ):
                group.setdefault(key, value)
        restore_steps(self)

    def _start(self, param, state, group):
        state["step"] = new_step()
        state["exp_avg"] = zeros_like(param)
        state["exp_avg_sq"] = zeros_like(param)

    def _update(self, param, grad, state, group):
        lr, (beta1, beta2) = number(group["lr"]), group["betas"]
        average, square = state["exp_avg"], state["exp_avg_sq"]
        step = count_step(state)
        if group["weight_decay"] != 0:
            if group["decoupled_weight_decay"]:
                param.mul_(1 - lr * group["weight_decay"])
            else:
                grad = grad.add(param, alpha=group["weight_decay"])
        average.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        update = average / (1 - beta1**step) * lr
        factor = _rectification(beta2, step)
        if factor is not None:
            update = update * ((1 - beta2**step) ** 0.5 / (square.sqrt() + group["eps"])) * factor
        param.sub_(update)


def _rectification(beta2, step):
    """The factor of Adam's step, or None while there are too few steps for it."""
    limit = 2 / (1 - beta2) - 1
    length = limit - 2 * step * beta2**step / (1 - beta2**step)
    if length <= 5.0:
        return None
    return ((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)) ** 0.5


radam = functional(
    RAdam,
    "exp_avgs exp_avg_sqs state_steps",
    "decoupled_weight_decay foreach differentiable capturable has_complex maximize",
    "beta1 beta2 lr weight_decay eps",
)
