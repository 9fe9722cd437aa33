"""Calling a module, with and without hooks."""

from collections import OrderedDict
from collections.abc import Callable

from flambeau import _core as _C
from flambeau.utils.hooks import RemovableHandle

_global_forward_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_forward_hooks_with_kwargs: OrderedDict[int, Callable] = OrderedDict()
_global_forward_hooks_always_called: OrderedDict[int, Callable] = OrderedDict()
_global_forward_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_backward_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_backward_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_is_full_backward_hook = None

# A module's hook dictionaries are made when they are first asked for.
HOOK_DICTIONARIES = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)
_NONE: dict = {}


def use_hooks():
    """From now on every call of every module looks for hooks; until then it is a call of its forward."""
    _C.call_with_hooks(Callable_._call_with_hooks)


def hook_dictionary(name, on_use=None):
    """A property that makes its dictionary in the instance when it is first read."""

    def get(self):
        hooks = self.__dict__.get(name)
        if hooks is None:
            hooks = self.__dict__[name] = OrderedDict()
        if on_use is not None:
            on_use()
        return hooks

    def replace(self, hooks):
        self.__dict__[name] = hooks
        if on_use is not None:
            on_use()

    return property(get, replace)


def register(hooks, hook, prepend=False, marks=()):
    """Adds a hook to a dictionary, and its marks (`with_kwargs` ...) to theirs."""
    handle = RemovableHandle(hooks, extra_dict=list(marks))
    hooks[handle.id] = hook
    for mark in marks:
        mark[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


class _SignatureOfCalls:
    """What `inspect.signature(module)` finds, since a slot of C has no signature that it would look at."""

    def __get__(self, module, kind=None):
        if module is None or type(module).__call__ is not Callable_.__call__:
            raise AttributeError("__signature__")
        from inspect import Parameter, Signature

        return Signature([Parameter("args", Parameter.VAR_POSITIONAL), Parameter("kwargs", Parameter.VAR_KEYWORD)])


class Callable_:
    """The part of `Module` that calls `forward` and runs the hooks around it."""

    _forward_hooks = hook_dictionary("_forward_hooks", use_hooks)
    _forward_hooks_with_kwargs = hook_dictionary("_forward_hooks_with_kwargs", use_hooks)
    _forward_hooks_always_called = hook_dictionary("_forward_hooks_always_called", use_hooks)
    _forward_pre_hooks = hook_dictionary("_forward_pre_hooks", use_hooks)
    _forward_pre_hooks_with_kwargs = hook_dictionary("_forward_pre_hooks_with_kwargs", use_hooks)
    _backward_hooks = hook_dictionary("_backward_hooks", use_hooks)
    _backward_pre_hooks = hook_dictionary("_backward_pre_hooks", use_hooks)
    _is_full_backward_hook = None
    __call__ = _C.call_forward
    __signature__ = _SignatureOfCalls()

    def _call_impl(self, *args, **kwargs):
        return Callable_.__call__(self, *args, **kwargs)

    _wrapped_call_impl = _call_impl

    def _call_with_hooks(self, args, kwargs):
        own = self.__dict__
        if not any(own.get(name) for name in HOOK_DICTIONARIES) and not _any_global():
            return self.forward(*args, **kwargs)
        called, last = set(), []
        try:
            return _run(self, args, kwargs, called, last)
        except Exception:
            _call_the_rest(self, args, kwargs, called, last[0] if last else None)
            raise

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Runs `hook(module, args)` before every `forward`; what it returns, if anything, replaces the arguments.

        Args:
            hook: the function; with `with_kwargs` it is called as `hook(module, args, kwargs)` and returns
                `(args, kwargs)` or None.
            prepend: run it before the hooks that are there already.
            with_kwargs: pass keyword arguments, too.

        Returns:
            A handle whose `remove()` takes the hook off.

        Example::

            >>> layer = flambeau.nn.Identity()
            >>> handle = layer.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
            >>> layer(flambeau.ones(2))
            tensor([2., 2.])
        """
        marks = [self._forward_pre_hooks_with_kwargs] if with_kwargs else ()
        return register(self._forward_pre_hooks, hook, prepend, marks)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Runs `hook(module, args, output)` after every `forward`; what it returns, if anything, replaces the output.

        Args:
            hook: the function; with `with_kwargs` it is called as `hook(module, args, kwargs, output)`.
            prepend: run it before the hooks that are there already.
            with_kwargs: pass keyword arguments, too.
            always_call: run it even if `forward` raises (the output is None if there is none yet).

        Returns:
            A handle whose `remove()` takes the hook off.

        Example::

            >>> layer = flambeau.nn.Identity()
            >>> handle = layer.register_forward_hook(lambda module, args, output: output + 1)
            >>> layer(flambeau.ones(2))
            tensor([2., 2.])
        """
        marks = [self._forward_hooks_with_kwargs] if with_kwargs else []
        if always_call:
            marks.append(self._forward_hooks_always_called)
        return register(self._forward_hooks, hook, prepend, marks)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Runs `hook(module, grad_output)` before the module's gradients are computed; it may return new ones."""
        return register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """Runs `hook(module, grad_input, grad_output)` once the gradients by the module's inputs are known.

        What it returns, if anything, replaces `grad_input`.

        Example::

            >>> layer, seen = flambeau.nn.Linear(3, 2), []
            >>> handle = layer.register_full_backward_hook(lambda module, gi, go: seen.append(go[0].shape))
            >>> layer(flambeau.ones(1, 3, requires_grad=True)).sum().backward()
            >>> seen
            [torch.Size([1, 2])]
        """
        self._claim_backward_kind(True)
        return register(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook):
        """The older form of `register_full_backward_hook`: it sees only the last operation of the module."""
        self._claim_backward_kind(False)
        return register(self._backward_hooks, hook)

    def _claim_backward_kind(self, full):
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. "
                "Please use only one of them."
            )
        self.__dict__["_is_full_backward_hook"] = full

    def _get_backward_hooks(self):
        full = list(_global_backward_hooks.values()) if _global_is_full_backward_hook is True else []
        plain = list(_global_backward_hooks.values()) if _global_is_full_backward_hook is False else []
        own = self.__dict__.get("_backward_hooks", _NONE).values()
        if self._is_full_backward_hook is True:
            full += own
        elif self._is_full_backward_hook is False:
            plain += own
        return full, plain

    def _get_backward_pre_hooks(self):
        own = self.__dict__.get("_backward_pre_hooks", _NONE)
        return [*_global_backward_pre_hooks.values(), *own.values()]


def _any_global():
    return _global_forward_hooks or _global_forward_pre_hooks or _global_backward_hooks or _global_backward_pre_hooks


def _run(module, args, kwargs, called, last):
    full, plain = module._get_backward_hooks()
    backward_pre = module._get_backward_pre_hooks()
    args, kwargs = _run_pre_hooks(module, args, kwargs)
    backward = None
    if full or backward_pre:
        from ._backward_hook import BackwardHook

        backward = BackwardHook(module, full, backward_pre)
        args = backward.setup_input_hook(args)
    last.append(module.forward(*args, **kwargs))
    result = _run_forward_hooks(module, args, kwargs, called, last)
    if backward is not None:
        result = backward.setup_output_hook(result)
    if plain:
        from ._backward_hook import attach_plain_hooks

        attach_plain_hooks(module, plain, args, result)
    return result


def _run_pre_hooks(module, args, kwargs):
    own = module.__dict__
    with_kwargs = own.get("_forward_pre_hooks_with_kwargs", _NONE)
    pre_hooks = [
        *_global_forward_pre_hooks.items(),
        *own.get("_forward_pre_hooks", _NONE).items(),
    ]
    for key, hook in pre_hooks:
        if key not in with_kwargs:
            result = hook(module, args)
            if result is not None:
                args = result if isinstance(result, tuple) else (result,)
            continue
        result = hook(module, args, kwargs)
        if result is None:
            continue
        if not (isinstance(result, tuple) and len(result) == 2):
            raise RuntimeError(
                f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {result}."
            )
        args, kwargs = result
    return args, kwargs


def _forward_hooks_of(module):
    """(key, hook, takes kwargs, is always called), the global ones first."""
    own = module.__dict__
    kwargs, always = (
        own.get("_forward_hooks_with_kwargs", _NONE),
        own.get("_forward_hooks_always_called", _NONE),
    )
    for key, hook in list(_global_forward_hooks.items()):
        yield (
            key,
            hook,
            key in _global_forward_hooks_with_kwargs,
            key in _global_forward_hooks_always_called,
        )
    for key, hook in list(own.get("_forward_hooks", _NONE).items()):
        yield key, hook, key in kwargs, key in always


def _run_forward_hooks(module, args, kwargs, called, last):
    """Runs the hooks on the result, which is kept in `last`."""
    for key, hook, with_kwargs, always in _forward_hooks_of(module):
        if always:
            called.add(key)
        new = hook(module, args, kwargs, last[0]) if with_kwargs else hook(module, args, last[0])
        if new is not None:
            last[0] = new
    return last[0]


def _call_the_rest(module, args, kwargs, called, result):
    """After an exception: the hooks that asked to be called always and were not."""
    for key, hook, with_kwargs, always in _forward_hooks_of(module):
        if not always or key in called:
            continue
        try:
            hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
        except Exception as error:
            import warnings

            warnings.warn(
                f"module forward hook with ``always_call=True`` raised an exception that was silenced as another "
                f"error was raised in forward: {error}",
                stacklevel=2,
            )


def register_module_forward_pre_hook(hook):
    """Runs `hook(module, args)` before the `forward` of every module; returns a removable handle.

    Example::

        >>> handle = flambeau.nn.modules.module.register_module_forward_pre_hook(lambda module, args: (args[0] * 2,))
        >>> flambeau.nn.ReLU()(flambeau.ones(2))
        tensor([2., 2.])
        >>> handle.remove()
    """
    use_hooks()
    return register(_global_forward_pre_hooks, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """Runs `hook(module, args, output)` after the `forward` of every module; returns a removable handle.

    Example::

        >>> handle = flambeau.nn.modules.module.register_module_forward_hook(lambda module, args, output: print(module))
        >>> _ = flambeau.nn.Sequential(flambeau.nn.ReLU())(flambeau.ones(2))
        ReLU()
        Sequential(
          (0): ReLU()
        )
        >>> handle.remove()
    """
    use_hooks()
    marks = [_global_forward_hooks_with_kwargs] if with_kwargs else []
    if always_call:
        marks.append(_global_forward_hooks_always_called)
    return register(_global_forward_hooks, hook, marks=marks)


def register_module_full_backward_pre_hook(hook):
    """Runs `hook(module, grad_output)` before the gradients of every module; returns a removable handle.

    Example::

        >>> handle = flambeau.nn.modules.module.register_module_full_backward_pre_hook(lambda module, grad: print(grad))
        >>> flambeau.nn.ReLU()(flambeau.ones(2, requires_grad=True)).sum().backward()
        (tensor([1., 1.]),)
        >>> handle.remove()
    """
    use_hooks()
    return register(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook):
    """Runs `hook(module, grad_input, grad_output)` for every module; returns a removable handle.

    Example::

        >>> handle = flambeau.nn.modules.module.register_module_full_backward_hook(lambda *arguments: print(arguments))
        >>> flambeau.nn.ReLU()(flambeau.ones(2, requires_grad=True)).sum().backward()
        (ReLU(), (tensor([1., 1.]),), (tensor([1., 1.]),))
        >>> handle.remove()
    """
    return _register_global_backward(hook, True)


def register_module_backward_hook(hook):
    """The older form of `register_module_full_backward_hook`.

    Raises:
        RuntimeError: if the other form was used before in this process, even if that hook was removed.

    Example::

        >>> handle = flambeau.nn.modules.module.register_module_backward_hook(lambda *arguments: print(arguments))
        >>> layer = flambeau.nn.ReLU()
        >>> layer(flambeau.ones(2, requires_grad=True)).sum().backward()
        (ReLU(), (tensor([1., 1.]),), (tensor([1., 1.]),))
        >>> handle.remove()
    """
    return _register_global_backward(hook, False)


def _register_global_backward(hook, full):
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. "
            "Please use only one of them."
        )
    _global_is_full_backward_hook = full
    use_hooks()
    return register(_global_backward_hooks, hook)
