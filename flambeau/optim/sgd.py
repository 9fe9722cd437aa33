"""Stochastic gradient descent."""

import flambeau
from flambeau import _core as _C
from flambeau.optim._functional import functional
from flambeau.optim.optimizer import FormulaOptimizer, check_fused, check_lr, check_option, number

__all__ = ["SGD"]


class SGD(FormulaOptimizer):
    r"""Gradient descent with momentum.

    ``g = grad + weight_decay * p``; ``b = momentum * b + (1 - dampening) * g`` (the first ``b`` is ``g``);
    ``p -= lr * b``, or with ``nesterov`` ``p -= lr * (g + momentum * b)``.

    Args:
        params: parameters, named parameters or groups.
        lr: learning rate, a number or a tensor of one element.
        momentum, dampening, weight_decay, nesterov: see the formula.
        maximize: climb instead of descend.
        foreach, fused: accepted; one native call per group is made wherever it can be.
        differentiable: let autograd record the step.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> import flambeau
        >>> w = flambeau.ones(2, requires_grad=True)
        >>> w.sum().backward()
        >>> flambeau.optim.SGD([w], lr=0.25).step()
        >>> w.tolist()
        [0.75, 0.75]

    Source: Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ):
        if isinstance(lr, flambeau.Tensor):
            check_lr(lr)
        check_option(not lr < 0.0, "learning rate", lr)
        check_option(not momentum < 0.0, "momentum value", momentum)
        check_option(not weight_decay < 0.0, "weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_fused(fused, foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for key, value in (
                ("nesterov", False),
                ("maximize", False),
                ("foreach", None),
                ("differentiable", False),
                ("fused", False),
            ):
                group.setdefault(key, value)

    def _fused(self, group):
        lr, momentum = group["lr"], group["momentum"]
        return _C.fused_sgd_(
            group["params"],
            self.state,
            ("momentum_buffer",) if momentum != 0 else (),
            lr if type(lr) is float else float(lr),
            momentum,
            group["dampening"],
            float(group["weight_decay"]),
            group["nesterov"],
            group["maximize"],
        )

    def _update(self, param, grad, state, group):
        lr, momentum = number(group["lr"]), group["momentum"]
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=number(group["weight_decay"]))
        if momentum != 0:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = grad.detach().clone()
            else:
                buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        if isinstance(lr, flambeau.Tensor):
            param.addcmul_(grad, lr, value=-1)
        else:
            param.add_(grad, alpha=-lr)

    _update_sparse = _update  # sums and products with numbers are all it takes


sgd = functional(
    SGD,
    "momentum_buffer_list",
    "has_sparse_grad foreach fused grad_scale found_inf",
    "weight_decay momentum lr dampening nesterov maximize",
)
