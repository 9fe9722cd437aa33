"""Settings of what modules do when their parameters are converted."""

__all__ = [
    "get_overwrite_module_params_on_conversion",
    "get_swap_module_params_on_conversion",
    "set_overwrite_module_params_on_conversion",
    "set_swap_module_params_on_conversion",
]

_settings = {"overwrite": False, "swap": False}


def set_overwrite_module_params_on_conversion(value):
    """Whether `module.to(...)` makes new parameters instead of changing the data of those that are there.

    >>> flambeau.__future__.set_overwrite_module_params_on_conversion(False)
    """
    _settings["overwrite"] = value


def get_overwrite_module_params_on_conversion():
    """What set_overwrite_module_params_on_conversion was told.

    >>> flambeau.__future__.get_overwrite_module_params_on_conversion()
    False
    """
    return _settings["overwrite"]


def set_swap_module_params_on_conversion(value):
    """Whether `module.to(...)` and `load_state_dict` exchange parameters by swap_tensors.

    >>> flambeau.__future__.set_swap_module_params_on_conversion(False)
    """
    _settings["swap"] = value


def get_swap_module_params_on_conversion():
    """What set_swap_module_params_on_conversion was told.

    >>> flambeau.__future__.get_swap_module_params_on_conversion()
    False
    """
    return _settings["swap"]
