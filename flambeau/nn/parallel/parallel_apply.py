"""Calling several modules, one per device."""

__all__ = ["parallel_apply"]


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """What each module gives for its inputs, in a list.

    Args:
        modules: the modules.
        inputs: the arguments of each, a tuple or a single one.
        kwargs_tup: the keyword arguments of each.
        devices: accepted; the calls follow one another, each with all threads.

    Example::

        >>> one = flambeau.ones(1)
        >>> flambeau.nn.parallel.parallel_apply([flambeau.nn.ReLU(), flambeau.nn.Tanh()], [(-one,), (0 * one,)])
        [tensor([0.]), tensor([0.])]
    """
    kwargs_tup = [{}] * len(modules) if kwargs_tup is None else kwargs_tup
    for name, values in (("inputs", inputs), ("kwargs_tup", kwargs_tup), ("devices", devices)):
        if values is not None and len(values) != len(modules):
            raise AssertionError(
                f"The number of modules {len(modules)} is not equal to the number of {name} {len(values)}"
            )
    results = []
    for module, arguments, kwargs in zip(modules, inputs, kwargs_tup, strict=True):
        arguments = arguments if isinstance(arguments, list | tuple) else (arguments,)
        results.append(module(*arguments, **(kwargs or {})))
    return results
