"""Resilient backpropagation."""

import flambeau
from flambeau.optim._functional import functional
from flambeau.optim.adam import restore_steps
from flambeau.optim.optimizer import FormulaOptimizer, check_lr, check_option, new_step, zeros_like

__all__ = ["Rprop"]


class Rprop(FormulaOptimizer):
    r"""Steps against the sign of the gradient, whose size grows while the sign stays and shrinks when it turns.

    ``s *= eta_plus`` or ``s *= eta_minus``, within ``step_sizes``; ``p -= s sign(g)``, but not where the sign turned.

    Args:
        params: parameters, named parameters or groups; for full batches.
        lr: the first step size.
        etas: ``(eta_minus, eta_plus)``.
        step_sizes: the smallest and the largest step.
        maximize: climb instead of descend.
        foreach, capturable: accepted.
        differentiable: let autograd record the step.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> import flambeau
        >>> w = flambeau.ones(2, requires_grad=True)
        >>> w.sum().backward()
        >>> flambeau.optim.Rprop([w], lr=0.25).step()
        >>> w.tolist()
        [0.75, 0.75]

    Source: Riedmiller and Braun, A direct adaptive method for faster backpropagation learning, 1993.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        etas=(0.5, 1.2),
        step_sizes=(1e-6, 50),
        *,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        if isinstance(lr, flambeau.Tensor):
            check_lr(lr)
        check_option(lr >= 0.0, "learning rate", lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
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
        first = float(group["lr"])
        state["step"] = new_step()
        state["prev"] = zeros_like(param)
        state["step_size"] = param.new_full(param.shape, complex(first, first) if param.is_complex() else first)

    def _update(self, param, grad, state, group):
        (shrink, grow), (smallest, largest) = group["etas"], group["step_sizes"]
        sizes, before = state["step_size"], state["prev"]
        state["step"] += 1
        turned = grad * before
        factor = flambeau.where(turned > 0, grow, flambeau.where(turned < 0, shrink, flambeau.ones_like(turned)))
        sizes.copy_((sizes * factor).clamp(smallest, largest))
        grad = flambeau.where(turned < 0, flambeau.zeros_like(grad), grad)
        param.addcmul_(grad.sign(), sizes.clone() if group["differentiable"] else sizes, value=-1)
        before.copy_(grad)


rprop = functional(
    Rprop,
    "prevs step_sizes state_steps",
    "foreach capturable maximize differentiable has_complex",
    "step_size_min step_size_max etaminus etaplus",
)
