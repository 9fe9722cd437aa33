"""Modules whose parameters take their shapes from the first input."""

from flambeau.nn.parameter import is_lazy

__all__ = ["LazyModuleMixin"]


class LazyModuleMixin:
    """Gives a module parameters without shapes, which its first call fills in.

    A subclass sets `cls_to_become` (the class after the first call), makes its tensors as `UninitializedParameter` or
    `UninitializedBuffer`, and defines `initialize_parameters(*args, **kwargs)`, which gets forward's arguments.

    Example::

        >>> layer = flambeau.nn.LazyLinear(3)
        >>> layer(flambeau.ones(2, 5)).shape, layer
        (torch.Size([2, 3]), Linear(in_features=5, out_features=3, bias=True))
    """

    cls_to_become: type | None = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        own = self.__dict__
        for name in (*self._parameter_names, *self._buffer_names):
            tensor = own[name]
            if tensor is None or name in self._non_persistent_buffers_set:
                continue
            destination[prefix + name] = tensor if is_lazy(tensor) or keep_vars else tensor.detach()

    def _lazy_load_hook(
        self,
        state_dict,
        prefix,
        local_metadata,
        strict,
        missing_keys,
        unexpected_keys,
        error_msgs,
    ):
        """A checkpoint with shapes gives them to the parameters that have none."""
        import flambeau

        own = self.__dict__
        for name in (*self._parameter_names, *self._buffer_names):
            value = state_dict.get(prefix + name)
            if value is not None and own[name] is not None and is_lazy(own[name]) and not is_lazy(value):
                with flambeau.no_grad():
                    own[name].materialize(value.shape)

    def initialize_parameters(self, *args, **kwargs):
        """Materialises the parameters for the given arguments of forward."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self):
        """True if some parameter or buffer has no shape yet."""
        own = self.__dict__
        return any(is_lazy(own[name]) for name in (*self._parameter_names, *self._buffer_names))

    def _infer_parameters(self, module, args, kwargs=None):
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook
        del module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self):
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy forward pass to "
            "correctly initialize the modules"
        )
