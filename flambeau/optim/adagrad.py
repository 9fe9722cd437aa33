"""Adagrad."""

import flambeau
from flambeau import _core as _C
from flambeau.optim._functional import functional
from flambeau.optim.adam import restore_steps
from flambeau.optim.optimizer import (
    FormulaOptimizer,
    check_fused,
    check_lr,
    check_option,
    count_step,
    new_step,
    number,
)

__all__ = ["Adagrad"]


class Adagrad(FormulaOptimizer):
    r"""Gradient divided by the root of the sum of all squares.

    ``s += g^2``; ``p -= lr / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps)``, where ``g = grad + weight_decay * p``.

    Args:
        params: parameters, named parameters or groups.
        lr: learning rate, a number or a tensor of one element.
        lr_decay, weight_decay, eps: see the formula.
        initial_accumulator_value: the first ``s``.
        maximize: climb instead of descend.
        foreach, fused: accepted.
        differentiable: let autograd record the step.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> import flambeau
        >>> w = flambeau.ones(2, requires_grad=True)
        >>> w.sum().backward()
        >>> flambeau.optim.Adagrad([w], lr=0.5, initial_accumulator_value=3.0).step()
        >>> w.tolist()
        [0.75, 0.75]

    Source: Duchi et al., Adaptive subgradient methods for online learning and stochastic optimization, 2011.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        fused=None,
    ):
        if isinstance(lr, flambeau.Tensor):
            check_lr(lr)
        check_option(lr >= 0.0, "learning rate", lr)
        check_option(lr_decay >= 0.0, "lr_decay value", lr_decay)
        check_option(weight_decay >= 0.0, "weight_decay value", weight_decay)
        check_option(initial_accumulator_value >= 0.0, "initial_accumulator_value value", initial_accumulator_value)
        check_option(eps >= 0.0, "epsilon value", eps)
        check_fused(fused, foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        for group in self.param_groups:
            for param in group["params"]:
                self._start(param, self.state[param], group)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for key, value in (("foreach", None), ("maximize", False), ("differentiable", False), ("fused", None)):
                group.setdefault(key, value)
        restore_steps(self)

    def share_memory(self):
        """Moves the state into shared memory."""
        for state in self.state.values():
            state["sum"].share_memory_()

    def _start(self, param, state, group):
        start = group["initial_accumulator_value"]
        state["step"] = new_step()
        state["sum"] = flambeau.full_like(param.detach(), complex(start, start) if param.is_complex() else start)

    def _fused(self, group):
        return _C.fused_adagrad_(
            group["params"],
            self.state,
            ("sum",),
            float(group["lr"]),
            group["lr_decay"],
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )

    def _update(self, param, grad, state, group):
        step, total = count_step(state), state["sum"]
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        rate = number(group["lr"]) / (1 + (step - 1) * group["lr_decay"])
        total.addcmul_(grad, grad, value=1)
        root = total.sqrt() + group["eps"] if group["differentiable"] else total.sqrt().add_(group["eps"])
        if isinstance(rate, flambeau.Tensor):
            param.sub_(rate * grad / root)
        else:
            param.addcdiv_(grad, root, value=-rate)

    def _update_sparse(self, param, grad, state, group):
        step, total = count_step(state), state["sum"]
        if group["weight_decay"] != 0:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        grad = grad.coalesce()
        total.add_(grad * grad)
        root = total.sparse_mask(grad)._values().sqrt_().add_(group["eps"])
        rate = number(group["lr"]) / (1 + (step - 1) * group["lr_decay"])
        param.add_(grad._with(grad._values() / root), alpha=-rate)


adagrad = functional(
    Adagrad,
    "state_sums state_steps",
    "fused grad_scale found_inf has_sparse_grad foreach differentiable has_complex",
    "lr weight_decay lr_decay eps maximize",
)
