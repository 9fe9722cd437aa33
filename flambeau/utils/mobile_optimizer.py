"""Models for telephones: torch rewrites scripted modules for them; here they stay as they are."""

__all__ = ["optimize_for_mobile"]


def optimize_for_mobile(script_module, optimization_blocklist=None, preserved_methods=None, backend="CPU"):
    """A scripted module for inference: frozen, otherwise as it is.

    Args:
        script_module: a ScriptModule in evaluation mode.
        preserved_methods: names that the result must have.
        optimization_blocklist, backend: accepted.

    >>> flambeau.utils.mobile_optimizer.optimize_for_mobile(flambeau.jit.script(nn.ReLU().eval()))
    RecursiveScriptModule(original_name=ReLU)
    """
    from ..jit import ScriptModule, freeze

    if not isinstance(script_module, ScriptModule):
        raise TypeError(f"Got {type(script_module)}, but ScriptModule is expected.")
    return freeze(script_module, preserved_methods)
