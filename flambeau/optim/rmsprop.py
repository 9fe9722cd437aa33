"""RMSprop."""

import flambeau
from flambeau import _core as _C
from flambeau.optim._functional import functional
from flambeau.optim.adam import restore_steps
from flambeau.optim.optimizer import FormulaOptimizer, check_lr, check_option, new_step, number, zeros_like

__all__ = ["RMSprop"]


class RMSprop(FormulaOptimizer):
    r"""Gradient divided by a running root mean square.

    ``v = alpha v + (1 - alpha) g^2``; ``p -= lr * g / (sqrt(v) + eps)``, where ``g = grad + weight_decay * p``.
    ``centered`` takes the square of the running mean of ``g`` off ``v``; ``momentum`` averages the quotients.

    Args:
        params: parameters, named parameters or groups.
        lr: learning rate, a number or a tensor of one element.
        alpha, eps, weight_decay, momentum, centered: see the formula.
        maximize: climb instead of descend.
        foreach, capturable: accepted.
        differentiable: let autograd record the step.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> import flambeau
        >>> w = flambeau.ones(2, requires_grad=True)
        >>> w.sum().backward()
        >>> flambeau.optim.RMSprop([w], lr=0.25, alpha=0.75, eps=0.0).step()
        >>> w.tolist()
        [0.5, 0.5]

    Source: Hinton, lecture 6 of Neural networks for machine learning, 2012; Graves, 2013 (centered).
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        if isinstance(lr, flambeau.Tensor):
            check_lr(lr)
        check_option(lr >= 0.0, "learning rate", lr)
        check_option(eps >= 0.0, "epsilon value", eps)
        check_option(momentum >= 0.0, "momentum value", momentum)
        check_option(weight_decay >= 0.0, "weight_decay value", weight_decay)
        check_option(alpha >= 0.0, "alpha value", alpha)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for key, value in (
                ("momentum", 0),
                ("centered", False),
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
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(param)
        if group["centered"]:
            state["grad_avg"] = zeros_like(param)

    def _fused(self, group):
        momentum, centered = group["momentum"], group["centered"]
        return _C.fused_rmsprop_(
            group["params"],
            self.state,
            ("square_avg", "momentum_buffer" if momentum > 0 else None, "grad_avg" if centered else None),
            float(group["lr"]),
            group["alpha"],
            group["eps"],
            group["weight_decay"],
            momentum,
            centered,
            group["maximize"],
        )

    def _update(self, param, grad, state, group):
        lr, alpha, square = number(group["lr"]), group["alpha"], state["square_avg"]
        state["step"] += 1
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        square.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            mean = state["grad_avg"]
            mean.lerp_(grad, 1 - alpha)
            root = square.addcmul(mean, mean, value=-1).sqrt_()
        else:
            root = square.sqrt()
        root = root.add(group["eps"]) if group["differentiable"] else root.add_(group["eps"])
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"]
            buffer.mul_(group["momentum"]).addcdiv_(grad, root)
            _descend(param, buffer, lr)
        elif isinstance(lr, flambeau.Tensor):
            _descend(param, grad / root, lr)
        else:
            param.addcdiv_(grad, root, value=-lr)


def _descend(param, direction, lr):
    if isinstance(lr, flambeau.Tensor):
        param.addcmul_(direction, lr, value=-1)
    else:
        param.add_(direction, alpha=-lr)


rmsprop = functional(
    RMSprop,
    "square_avgs grad_avgs momentum_buffer_list state_steps",
    "foreach maximize differentiable capturable has_complex",
    "lr alpha eps weight_decay momentum centered",
)
