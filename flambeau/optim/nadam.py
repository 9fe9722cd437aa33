"""NAdam."""

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

__all__ = ["NAdam"]


class NAdam(FormulaOptimizer):
    r"""Adam with Nesterov momentum.

    ``mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)``; ``m`` and ``v`` as in Adam;
    ``p -= lr / (sqrt(v / (1 - beta2^t)) + eps) * ((1 - mu_t) g / (1 - q_t) + mu_{t+1} m / (1 - q_{t+1}))`` with
    ``q_t = mu_1 ... mu_t``.

    Args:
        params: parameters, named parameters or groups.
        lr, betas, eps, momentum_decay: see the formula.
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
        >>> flambeau.optim.NAdam([w], lr=0.25).step()
        >>> [round(x, 3) for x in w.tolist()]
        [0.736, 0.736]

    Source: Dozat, Incorporating Nesterov momentum into Adam, 2016.
    """

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
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
        check_option(momentum_decay >= 0.0, "momentum_decay value", momentum_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for key, value in (
                ("maximize", False),
                ("foreach", None),
                ("capturable", False),
                ("differentiable", False),
                ("decoupled_weight_decay", False),
            ):
                group.setdefault(key, value)
        restore_steps(self)
        for each in self.state.values():
            if "mu_product" in each and not isinstance(each["mu_product"], flambeau.Tensor):
                each["mu_product"] = new_step() + float(each["mu_product"])

    def _start(self, param, state, group):
        state["step"] = new_step()
        state["mu_product"] = new_step() + 1
        state["exp_avg"] = zeros_like(param)
        state["exp_avg_sq"] = zeros_like(param)

    def _update(self, param, grad, state, group):
        lr, (beta1, beta2), decay = number(group["lr"]), group["betas"], group["momentum_decay"]
        average, square = state["exp_avg"], state["exp_avg_sq"]
        step = count_step(state)
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * decay))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * decay))
        state["mu_product"] *= mu
        product = state["mu_product"].item()
        if group["weight_decay"] != 0:
            if group["decoupled_weight_decay"]:
                param.mul_(1 - lr * group["weight_decay"])
            else:
                grad = grad.add(param, alpha=group["weight_decay"])
        average.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = square.div(1 - beta2**step).sqrt() + group["eps"]
        now, ahead = lr * (1.0 - mu) / (1.0 - product), lr * mu_next / (1.0 - product * mu_next)
        if group["differentiable"]:
            param.sub_(now * grad / root + ahead * average.clone() / root)
        else:
            param.addcdiv_(grad, root, value=-now)
            param.addcdiv_(average, root, value=-ahead)


nadam = functional(
    NAdam,
    "exp_avgs exp_avg_sqs mu_products state_steps",
    "decoupled_weight_decay foreach capturable differentiable has_complex maximize",
    "beta1 beta2 lr weight_decay momentum_decay eps",
)
