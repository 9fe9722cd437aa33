"""Adam and AdamW."""

import flambeau
from flambeau import _core as _C
from flambeau.optim._functional import functional
from flambeau.optim.optimizer import (
    FormulaOptimizer,
    check_betas,
    check_fused,
    check_lr,
    check_option,
    count_step,
    new_step,
    number,
    zeros_like,
)

__all__ = ["Adam", "AdamW"]


class Adam(FormulaOptimizer):
    r"""Adaptive moments.

    ``m = beta1 m + (1 - beta1) g``; ``v = beta2 v + (1 - beta2) g^2``;
    ``p -= lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)``, where ``g = grad + weight_decay * p``.

    Args:
        params: parameters, named parameters or groups.
        lr: learning rate, a number or a tensor of one element.
        betas: decay rates of the two moments.
        eps: added to the denominator.
        weight_decay: added to the gradient; with ``decoupled_weight_decay`` taken off the parameter (AdamW).
        amsgrad: divide by the largest ``v`` so far.
        maximize: climb instead of descend.
        foreach, capturable, fused: accepted; one native call per group is made wherever it can be.
        differentiable: let autograd record the step.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> import flambeau
        >>> w = flambeau.ones(2, requires_grad=True)
        >>> w.sum().backward()
        >>> flambeau.optim.Adam([w], lr=0.25).step()
        >>> w.tolist()
        [0.75, 0.75]

    Source: Kingma and Ba, Adam: a method for stochastic optimization, 2014; Reddi et al., 2018 (amsgrad).
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ):
        check_lr(lr, foreach, capturable)
        check_option(eps >= 0.0, "epsilon value", eps)
        check_betas(betas)
        check_option(weight_decay >= 0.0, "weight_decay value", weight_decay)
        check_fused(fused, foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for key, value in (
                ("amsgrad", False),
                ("maximize", False),
                ("foreach", None),
                ("capturable", False),
                ("differentiable", False),
                ("decoupled_weight_decay", False),
                ("fused", None),
            ):
                group.setdefault(key, value)
        restore_steps(self)

    def _start(self, param, state, group):
        state["step"] = new_step()
        state["exp_avg"] = zeros_like(param)
        state["exp_avg_sq"] = zeros_like(param)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_like(param)

    def _fused(self, group):
        lr, (beta1, beta2), amsgrad = group["lr"], group["betas"], group["amsgrad"]
        return _C.fused_adam_(
            group["params"],
            self.state,
            ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if amsgrad else ("exp_avg", "exp_avg_sq"),
            lr if type(lr) is float else float(lr),
            float(beta1),
            float(beta2),
            group["eps"],
            group["weight_decay"],
            group["decoupled_weight_decay"],
            amsgrad,
            group["maximize"],
        )

    def _update(self, param, grad, state, group):
        lr, (beta1, beta2) = number(group["lr"]), map(number, group["betas"])
        step = count_step(state)
        if group["weight_decay"] != 0:
            if group["decoupled_weight_decay"]:
                param.mul_(1 - lr * group["weight_decay"])
            else:
                grad = grad.add(param, alpha=group["weight_decay"])
        average, square = state["exp_avg"], state["exp_avg_sq"]
        average.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if group["amsgrad"]:
            square = _running_maximum(state, square, group)
        scale, root = lr / (1 - beta1**step), (1 - beta2**step) ** 0.5
        denominator = (square.sqrt() / root).add_(group["eps"])
        if group["differentiable"]:
            param.sub_(scale * average.clone() / denominator)
        else:
            param.addcdiv_(average, denominator, value=-scale)


class AdamW(Adam):
    r"""Adam with decoupled weight decay: ``p *= 1 - lr * weight_decay`` before Adam's update.

    Args:
        params, lr, betas, eps, weight_decay, amsgrad, maximize, foreach, capturable, differentiable, fused: as for
            :class:`Adam`; ``weight_decay`` is 0.01 unless given.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> import flambeau
        >>> w = flambeau.ones(2, requires_grad=True)
        >>> w.sum().backward()
        >>> flambeau.optim.AdamW([w], lr=0.5, weight_decay=0.5).step()
        >>> [round(x, 4) for x in w.tolist()]
        [0.25, 0.25]

    Source: Loshchilov and Hutter, Decoupled weight decay regularization, 2017.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
        foreach=None,
        capturable=False,
        differentiable=False,
        fused=None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


def _running_maximum(state, square, group):
    largest = state["max_exp_avg_sq"]
    if group["differentiable"]:
        largest = largest.clone()
    state["max_exp_avg_sq"].copy_(flambeau.maximum(largest, square))
    return state["max_exp_avg_sq"]


def restore_steps(optimizer):
    """Turns step counters of old state dicts, which are plain numbers, into tensors."""
    for state in optimizer.state.values():
        if "step" in state and not isinstance(state["step"], flambeau.Tensor):
            state["step"] = new_step() + float(state["step"])


adam = functional(
    Adam,
    "exp_avgs exp_avg_sqs max_exp_avg_sqs state_steps",
    "foreach capturable differentiable fused grad_scale found_inf has_complex decoupled_weight_decay",
    "amsgrad beta1 beta2 lr weight_decay eps maximize",
)
adamw = functional(
    AdamW,
    "exp_avgs exp_avg_sqs max_exp_avg_sqs state_steps",
    "foreach capturable differentiable fused grad_scale found_inf has_complex",
    "amsgrad beta1 beta2 lr weight_decay eps maximize",
    decoupled_weight_decay=True,
)
