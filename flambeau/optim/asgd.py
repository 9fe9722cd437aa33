"""Averaged stochastic gradient descent."""

import flambeau
from flambeau.optim._functional import functional
from flambeau.optim.adam import restore_steps
from flambeau.optim.optimizer import FormulaOptimizer, check_lr, check_option, count_step, new_step, zeros_like

__all__ = ["ASGD"]


class ASGD(FormulaOptimizer):
    r"""Gradient descent that also keeps the average of the parameters, in ``state[p]["ax"]``.

    ``p = (1 - lambd eta) p - eta g``; ``ax += mu (p - ax)``; ``eta = lr / (1 + lambd lr t)^alpha``;
    ``mu = 1 / max(1, t - t0)``, where ``g = grad + weight_decay * p``.

    Args:
        params: parameters, named parameters or groups.
        lr, lambd, alpha, t0, weight_decay: see the formula.
        maximize: climb instead of descend.
        foreach, capturable: accepted.
        differentiable: let autograd record the step.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> import flambeau
        >>> w = flambeau.ones(2, requires_grad=True)
        >>> w.sum().backward()
        >>> flambeau.optim.ASGD([w], lr=0.25, lambd=0.0).step()
        >>> w.tolist()
        [0.75, 0.75]

    Source: Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        lambd=1e-4,
        alpha=0.75,
        t0=1e6,
        weight_decay=0,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        if isinstance(lr, flambeau.Tensor):
            check_lr(lr)
        check_option(lr >= 0.0, "learning rate", lr)
        check_option(weight_decay >= 0.0, "weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
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
        for each in self.state.values():
            for key in ("eta", "mu"):
                if key in each and not isinstance(each[key], flambeau.Tensor):
                    each[key] = new_step() + float(each[key])

    def _start(self, param, state, group):
        state["step"] = new_step()
        state["eta"] = new_step() + float(group["lr"])
        state["mu"] = new_step() + 1
        state["ax"] = zeros_like(param)

    def _update(self, param, grad, state, group):
        step, eta, mu, average = count_step(state), state["eta"].item(), state["mu"].item(), state["ax"]
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        param.mul_(1 - group["lambd"] * eta)
        param.add_(grad, alpha=-eta)
        if mu == 1:
            average.copy_(param)
        else:
            average.add_(param.sub(average).mul(mu))
        lr = float(group["lr"])
        state["eta"].fill_(lr / ((1 + group["lambd"] * lr * step) ** group["alpha"]))
        state["mu"].fill_(1 / max(1, step - group["t0"]))


asgd = functional(
    ASGD,
    "axs mus etas state_steps",
    "foreach maximize differentiable capturable has_complex",
    "lambd lr t0 alpha weight_decay",
)
