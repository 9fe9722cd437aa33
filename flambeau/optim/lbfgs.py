"""L-BFGS."""

import flambeau
from flambeau.optim.optimizer import Optimizer, check_lr, number

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    r"""Quasi-Newton steps from the last ``history_size`` changes of the gradient.

    ``d = -H g`` by the two-loop recursion; ``p += t d`` with ``t = lr`` (``min(1, 1 / |g|_1) lr`` at first), or with
    ``t`` from a line search for the strong Wolfe conditions.

    Args:
        params: parameters; one group only.
        lr: step size.
        max_iter: iterations per step.
        max_eval: evaluations of the closure per step (None: ``1.25 * max_iter``).
        tolerance_grad: ends when the largest gradient is at most this.
        tolerance_change: ends when the step or the change of the loss is at most this.
        history_size: changes kept.
        line_search_fn: None or ``"strong_wolfe"``.

    Raises:
        ValueError: more than one group, or a learning rate below 0.
        RuntimeError: an unknown line search.

    Example:
        >>> import flambeau
        >>> w = flambeau.ones(2, requires_grad=True)
        >>> optimizer = flambeau.optim.LBFGS([w], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((w - 3) ** 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> _ = optimizer.step(closure)
        >>> [round(x, 3) for x in w.tolist()]
        [3.0, 3.0]

    Source: Nocedal and Wright, Numerical optimization, 2006, algorithms 7.4, 3.5 and 3.6.
    """

    def __init__(
        self,
        params,
        lr=1,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=100,
        line_search_fn=None,
    ):
        if isinstance(lr, flambeau.Tensor):
            check_lr(lr)
        if not lr >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        max_eval = max_iter * 5 // 4 if max_eval is None else max_eval
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def step(self, closure):
        """Takes up to ``max_iter`` iterations; ``closure`` computes the loss and its gradients and returns the loss."""
        with flambeau.no_grad():
            return self._minimize(closure)

    def _minimize(self, closure):
        group, state = self.param_groups[0], self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = _evaluate(closure)
        loss, evaluations = float(first_loss), 1
        state["func_evals"] += 1
        grad = self._gradient()
        stationary = grad.abs().max() <= group["tolerance_grad"]
        if stationary:
            return first_loss
        iteration = 0
        while iteration < group["max_iter"]:
            iteration += 1
            state["n_iter"] += 1
            direction = self._direction(state, grad, group)
            before = grad.clone()
            state["prev_flat_grad"], state["prev_loss"] = before, loss
            lr = number(group["lr"])
            t = min(1.0, 1.0 / grad.abs().sum().item()) * lr if state["n_iter"] == 1 else lr
            slope = grad.dot(direction).item()
            state["d"], state["t"] = direction, t
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if group["line_search_fn"] is not None:
                loss, grad, t, used = self._search(closure, loss, grad, t, direction, slope, group)
                stationary = grad.abs().max() <= group["tolerance_grad"]
            else:
                self._move(t, direction)
                if iteration != group["max_iter"]:
                    loss = float(_evaluate(closure))
                    grad = self._gradient()
                    stationary = grad.abs().max() <= group["tolerance_grad"]
                    used = 1
            state["t"] = t
            evaluations += used
            state["func_evals"] += used
            if (
                iteration == group["max_iter"]
                or evaluations >= group["max_eval"]
                or stationary
                or direction.mul(t).abs().max() <= group["tolerance_change"]
                or abs(loss - state["prev_loss"]) < group["tolerance_change"]
            ):
                break
        return first_loss

    def _direction(self, state, grad, group):
        """Minus the inverse Hessian's estimate times the gradient, after taking in the last step."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return grad.neg()
        change = grad.sub(state["prev_flat_grad"])
        move = state["d"].mul(state["t"])
        curvature = change.dot(move)
        dirs, moves, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        if curvature > 1e-10:
            if len(dirs) == group["history_size"]:
                dirs.pop(0)
                moves.pop(0)
                inverses.pop(0)
            dirs.append(change)
            moves.append(move)
            inverses.append(1.0 / curvature)
            state["H_diag"] = curvature / change.dot(change)
        weights = state.setdefault("al", [None] * group["history_size"])
        q = grad.neg()
        for i in range(len(dirs) - 1, -1, -1):
            weights[i] = moves[i].dot(q) * inverses[i]
            q.sub_(dirs[i] * weights[i])
        r = q * state["H_diag"]
        for i in range(len(dirs)):
            r.add_(moves[i] * (weights[i] - dirs[i].dot(r) * inverses[i]))
        return r

    def _search(self, closure, loss, grad, t, direction, slope, group):
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        start = [param.clone() for param in self._params]

        def at(t):
            self._move(t, direction)
            value = float(_evaluate(closure))
            gradient = self._gradient()
            for param, saved in zip(self._params, start, strict=False):
                param.copy_(saved)
            return value, gradient

        loss, grad, t, used = strong_wolfe(at, t, direction, loss, grad, slope)
        self._move(t, direction)
        return loss, grad, t, used

    def _gradient(self):
        parts = []
        for param in self._params:
            flat = flambeau.zeros_like(param) if param.grad is None else param.grad.to_dense()
            parts.append((flambeau.view_as_real(flat) if flat.is_complex() else flat).reshape(-1))
        return flambeau.cat(parts, 0)

    def _move(self, t, direction):
        offset = 0
        for param in self._params:
            real = flambeau.view_as_real(param) if param.is_complex() else param
            real.add_(direction[offset : offset + real.numel()].view_as(real), alpha=t)
            offset += real.numel()


def _evaluate(closure):
    with flambeau.enable_grad():
        return closure()


def cubic_minimum(x1, f1, g1, x2, f2, g2, bounds=None):
    """Where the cubic through two points with given slopes is least, within the bounds (by default the points)."""
    low, high = bounds or (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if square < 0:
        return (low + high) / 2.0
    d2 = square**0.5
    if x1 <= x2:
        best = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        best = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(best, low), high)


class _Point:
    """A step length with the loss, the gradient and the slope there."""

    def __init__(self, t, loss, grad, slope):
        self.t, self.loss, self.grad, self.slope = t, loss, grad, slope


def strong_wolfe(at, t, direction, loss, grad, slope, c1=1e-4, c2=0.9, tolerance=1e-9, max_steps=25):
    """Finds a step length that lowers the loss enough (``c1``) and flattens the slope enough (``c2``).

    Args:
        at: from a step length to the loss and gradient there.
        t: the first step length to try.
        direction, loss, grad, slope: of the starting point.

    Returns:
        loss, gradient and step length found, and the number of evaluations.
    """
    scale = direction.abs().max()

    def point(t):
        value, gradient = at(t)
        return _Point(t, value, gradient, gradient.dot(direction).item())

    def too_high(p):
        return p.loss > loss + c1 * p.t * slope

    origin = _Point(0, loss, grad.clone(), slope)
    before, now, used = origin, point(t), 1
    bracket, done, steps = None, False, 0
    while steps < max_steps:
        if too_high(now) or (steps > 1 and now.loss >= before.loss):
            bracket = [before, now]
            break
        if abs(now.slope) <= -c2 * slope:
            bracket, done = [now], True
            break
        if now.slope >= 0:
            bracket = [before, now]
            break
        low, high = now.t + 0.01 * (now.t - before.t), now.t * 10
        t = cubic_minimum(before.t, before.loss, before.slope, now.t, now.loss, now.slope, (low, high))
        before, now = now, point(t)
        used += 1
        steps += 1
    bracket = bracket or [origin, now]
    if not done:
        used += _zoom(bracket, point, too_high, slope, c2, scale, tolerance, max_steps - steps)
    best = min(bracket, key=lambda p: p.loss)
    return best.loss, best.grad, best.t, used


def _zoom(bracket, point, too_high, slope, c2, scale, tolerance, steps):
    """Narrows the bracket in place; its best end satisfies both conditions unless the steps ran out."""
    stuck, used = False, 0
    for _ in range(steps):
        low, high = (0, 1) if bracket[0].loss <= bracket[-1].loss else (1, 0)
        a, b = bracket
        if abs(b.t - a.t) * scale < tolerance:
            break
        t = cubic_minimum(a.t, a.loss, a.slope, b.t, b.loss, b.slope)
        least, most = min(a.t, b.t), max(a.t, b.t)
        margin = 0.1 * (most - least)
        # Close to an end twice (or beyond it): move inside, or the bracket would hardly shrink.
        if min(most - t, t - least) < margin:
            if stuck or t >= most or t <= least:
                t = most - margin if abs(t - most) < abs(t - least) else least + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new = point(t)
        used += 1
        if too_high(new) or new.loss >= bracket[low].loss:
            bracket[high] = new
            continue
        if abs(new.slope) <= -c2 * slope:
            bracket[low] = new
            break
        if new.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = new
    return used
