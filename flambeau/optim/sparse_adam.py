"""Adam for sparse gradients."""

import math

import flambeau
from flambeau.optim.optimizer import FormulaOptimizer, check_betas, check_lr, check_option, number, zeros_like

__all__ = ["SparseAdam"]


class SparseAdam(FormulaOptimizer):
    r"""Adam that touches only what a sparse gradient has: parameters and moments elsewhere stay as they are.

    At the stored coordinates ``m = beta1 m + (1 - beta1) g``; ``v = beta2 v + (1 - beta2) g^2``;
    ``p -= lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps)``.

    Args:
        params: dense parameters with sparse gradients (``Embedding(..., sparse=True)``), named parameters or groups.
        lr, betas, eps: see the formula.
        maximize: climb instead of descend.

    Raises:
        ValueError: an option is out of range, or a parameter is sparse.

    Example:
        >>> import flambeau
        >>> table = flambeau.nn.Embedding(3, 1, sparse=True, _weight=flambeau.zeros(3, 1))
        >>> table(flambeau.tensor([1])).sum().backward()
        >>> flambeau.optim.SparseAdam(table.parameters(), lr=0.5).step()
        >>> table.weight.detach().view(-1)
        tensor([ 0.0000, -0.5000,  0.0000])

    Source: Kingma and Ba, Adam: a method for stochastic optimization, 2014.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        if isinstance(lr, flambeau.Tensor):
            check_lr(lr)
        check_option(lr > 0.0, "learning rate", lr)
        check_option(eps > 0.0, "epsilon value", eps)
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        sparse = [
            [number_of_group, place]
            for number_of_group, group in enumerate(self.param_groups)
            for place, param in enumerate(group["params"])
            if param.is_sparse
        ]
        if sparse:
            raise ValueError(f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors")

    def _start(self, param, state, group):
        state["step"] = 0
        state["exp_avg"], state["exp_avg_sq"] = zeros_like(param), zeros_like(param)

    def _update(self, param, grad, state, group):
        raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")

    def _update_sparse(self, param, grad, state, group):
        state["step"] += 1
        beta1, beta2 = group["betas"]
        grad = grad.coalesce()
        first = _moved(state["exp_avg"], grad, grad, 1 - beta1)
        second = _moved(state["exp_avg_sq"], grad, grad * grad, 1 - beta2)
        correction = math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])
        step = first._values().div_(second._values().sqrt_().add_(group["eps"]))
        param.add_(grad._with(step), alpha=-number(group["lr"]) * correction)


def _moved(average, pattern, towards, share):
    """A running average at a pattern's coordinates after its move, in place, by a share of the way."""
    old = average.sparse_mask(pattern)
    change = (towards - old) * share
    average.add_(change)
    return old + change
