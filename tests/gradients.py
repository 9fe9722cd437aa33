"""Gradients checked against central differences, first and second order, independent of flambeau's own gradcheck."""

import numpy as np

from tests.frame import dtype_name, fl, from_numpy, is_tensor, kind, make, outputs, resolve, tensors, to_numpy, walk

STEP = 1e-6
FULL = 40  # inputs of at most this many elements are checked element by element, larger ones along random directions


def differentiable_inputs(args, kwargs):
    return [t for t in tensors(args, kwargs) if t.requires_grad]


def floating_outputs(result):
    return [t for t in outputs(result) if is_tensor(t) and kind(dtype_name(t)) >= 2 and t.requires_grad]


def weights_like(values, seed):
    """Fixed random cotangents, one per output."""
    rng = np.random.default_rng(seed)

    def weight(value):
        shape, complex_ = tuple(value.shape), kind(dtype_name(value)) == 3
        array = rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape)
        return from_numpy(array + 1j * rng.uniform(-1, 1, shape) if complex_ else array, dtype_name(value))

    return [weight(v) for v in values]


def inner(values, weights):
    """sum of Re(conj(w) * y): what autograd's convention differentiates when it is given w."""
    total = 0.0
    for value, weight in zip(values, weights, strict=True):
        total += float(np.real(np.sum(np.conj(to_numpy(weight)) * to_numpy(value))))
    return total


def perturbed(args, kwargs, target, change):
    """The arguments with `change` added to the input `target` (an object of the call)."""

    def leaf(value):
        if value is target:
            moved = from_numpy(to_numpy(value) + change, dtype_name(value))
            return moved.requires_grad_()
        return value

    return walk(list(args), leaf), walk(dict(kwargs), leaf)


def directions(value, rng):
    """Unit changes of single elements (imaginary ones too), or random changes of all."""
    shape, size = tuple(value.shape), int(np.prod(tuple(value.shape)))
    units = (1.0, 1j) if kind(dtype_name(value)) == 3 else (1.0,)
    if size > FULL:
        for _ in range(3):
            change = rng.standard_normal(shape)
            yield change + 1j * rng.standard_normal(shape) if len(units) == 2 else change
        return
    for position in range(size):
        for unit in units:
            change = np.zeros(size, complex if len(units) == 2 else float)
            change[position] = unit
            yield change.reshape(shape)


def compare(loss, grads, inputs, args, kwargs, context, tolerance):
    """Check that each gradient predicts how `loss(args, kwargs)` changes."""
    rng = np.random.default_rng(7)
    for number, (value, grad) in enumerate(zip(inputs, grads, strict=True)):
        analytic = np.zeros(tuple(value.shape)) if grad is None else to_numpy(grad)
        assert analytic.shape == tuple(value.shape), f"{context}: gradient {number} has shape {analytic.shape}"
        for change in directions(value, rng):
            up = loss(*perturbed(args, kwargs, value, STEP * change))
            down = loss(*perturbed(args, kwargs, value, -STEP * change))
            numeric = (up - down) / (2 * STEP)
            predicted = float(np.real(np.sum(np.conj(analytic) * change)))
            bound = tolerance * max(1.0, abs(numeric), abs(predicted))
            assert abs(numeric - predicted) <= bound, (
                f"{context}: gradient of input {number} along {np.flatnonzero(change)[:4]}: "
                f"autograd {predicted:.8g}, differences {numeric:.8g}"
            )


def check_first(row, function, sample, dtype, tolerance=2e-5):
    """Gradients of all floating outputs by all differentiable inputs. Returns whether there was anything to check."""
    args, kwargs = make(sample, dtype, requires_grad=True)
    inputs = differentiable_inputs(args, kwargs)
    if not inputs:
        return False
    values = floating_outputs(function(*args, **kwargs))
    if not values:
        return False
    weights = weights_like(values, 3)

    def loss(new_args, new_kwargs):
        return inner(floating_outputs(function(*new_args, **new_kwargs)), weights)

    grads = fl.autograd.grad(values, inputs, weights, allow_unused=True)
    compare(loss, grads, inputs, args, kwargs, f"{row.name}{sample} {dtype}", tolerance)
    return True


def check_second(row, function, sample, dtype, tolerance=1e-4):
    """Gradients of the gradients, by the inputs and by the incoming gradients."""
    args, kwargs = make(sample, dtype, requires_grad=True)
    inputs = differentiable_inputs(args, kwargs)
    values = floating_outputs(function(*args, **kwargs)) if inputs else []
    if not values:
        return
    incoming = [w.requires_grad_() for w in weights_like(values, 3)]

    def first(new_args, new_kwargs, new_incoming):
        new_inputs = differentiable_inputs(new_args, new_kwargs)
        new_values = floating_outputs(function(*new_args, **new_kwargs))
        grads = fl.autograd.grad(new_values, new_inputs, new_incoming, create_graph=True, allow_unused=True)
        return [g for g in grads if g is not None and g.requires_grad]

    grads = first(args, kwargs, incoming)
    if not grads:
        return
    weights = weights_like(grads, 5)

    def loss(new_args, new_kwargs):
        return inner(first(new_args[0], new_kwargs, new_args[1]), weights)

    seconds = fl.autograd.grad(grads, inputs + incoming, weights, allow_unused=True)
    context = f"second derivative of {row.name}{sample} {dtype}"
    compare(loss, seconds, inputs + incoming, [args, incoming], kwargs, context, tolerance)


def check_inplace(row, sample, method, dtype="float64"):
    """The in-place form inside a view gives the gradients of the ordinary form."""
    function = resolve(row.name)
    totals = []
    for inplace in (False, True):
        args, kwargs = make(sample, dtype, requires_grad=True)
        leaf, rest = args[0], args[1:]
        if inplace:
            whole = fl.stack([leaf, leaf])
            getattr(whole[1], method)(*rest, **kwargs)
        else:
            whole = fl.stack([leaf, function(leaf, *rest, **kwargs)])
        weight = weights_like([whole], 9)[0]
        totals.append(fl.autograd.grad(whole, differentiable_inputs(args, kwargs), weight, allow_unused=True))
    for plain, changed in zip(*totals, strict=True):
        if plain is None and changed is None:
            continue
        np.testing.assert_allclose(to_numpy(changed), to_numpy(plain), 1e-9, 1e-12, err_msg=f"{method}{sample}")
