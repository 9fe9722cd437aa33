"""Hooks of every kind: order, arguments, what they may change, errors, and what remains after they are removed."""

import copy
import pickle
from collections import OrderedDict

from . import outcome


def shapes(values):
    values = values if isinstance(values, tuple | list) else (values,)
    return [tuple(v.shape) if hasattr(v, "shape") else v for v in values]


def case_order(lib):
    nn, seen = lib.nn, []
    m = nn.modules.module

    def say(what):
        return lambda *args: seen.append([what, type(args[0]).__name__, len(args)])

    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    inner = model[0]
    handles = []
    for prepend in (False, True, False):
        handles += [
            inner.register_forward_pre_hook(say(f"pre {prepend}"), prepend=prepend),
            inner.register_forward_pre_hook(say(f"pre kwargs {prepend}"), prepend=prepend, with_kwargs=True),
            inner.register_forward_hook(say(f"post {prepend}"), prepend=prepend),
            inner.register_forward_hook(say(f"post kwargs {prepend}"), prepend=prepend, with_kwargs=True),
            inner.register_full_backward_pre_hook(say(f"back pre {prepend}"), prepend=prepend),
            inner.register_full_backward_hook(say(f"back {prepend}"), prepend=prepend),
        ]
    handles += [
        m.register_module_forward_pre_hook(say("all pre")),
        m.register_module_forward_hook(say("all post")),
        m.register_module_forward_hook(say("all post kwargs"), with_kwargs=True),
        m.register_module_full_backward_pre_hook(say("all back pre")),
        m.register_module_full_backward_hook(say("all back")),
    ]
    try:
        model(lib.ones(1, 2, requires_grad=True)).sum().backward()
        model(lib.ones(1, 2)).sum().backward()
        with lib.no_grad():
            model(lib.ones(1, 2))
    finally:
        for handle in handles:
            handle.remove()
    count = len(seen)
    model(lib.ones(1, 2, requires_grad=True)).sum().backward()
    return [seen, count == len(seen), [len(hooks) for hooks in (inner._forward_hooks, inner._forward_pre_hooks, inner._backward_hooks,
            inner._backward_pre_hooks, inner._forward_hooks_with_kwargs, inner._forward_hooks_always_called)]]  # fmt: skip


def case_replace(lib):
    nn = lib.nn
    returns = {
        "nothing": lambda x: None, "tuple": lambda x: (x * 2,), "pair": lambda x: (x, x), "list": lambda x: [x * 2],
        "kwargs": lambda x: ((x * 3,), {}), "bad": lambda x: 3, "empty": lambda x: (),
    }  # fmt: skip
    results = {}
    for name, function in returns.items():

        def run(kind, **kwargs):
            layer = nn.Tanh()
            if kind == "register_forward_hook":
                getattr(layer, kind)(lambda *a: function(a[-1]), **kwargs)
            else:
                getattr(layer, kind)(lambda m, a, *k: function(a[0]), **kwargs)
            x = lib.ones(2, requires_grad=True)
            y = layer(x)
            if hasattr(y, "backward"):
                y.sum().backward()
            return [y, x.grad]

        for kind in ("register_forward_hook", "register_forward_pre_hook"):
            for kwargs in ({}, {"with_kwargs": True}):
                results[f"{kind} {name} {kwargs}"] = outcome(run, kind, **kwargs)
        for kind in ("register_full_backward_pre_hook", "register_full_backward_hook"):
            results[f"{kind} {name}"] = outcome(run_backward, lib, kind, function)
    return results


def run_backward(lib, kind, function):
    layer = lib.nn.Tanh()
    getattr(layer, kind)(lambda m, *grads: function(grads[0][0]))
    x = lib.ones(2, requires_grad=True)
    layer(x).sum().backward()
    return x.grad


def forms(lib):
    """Modules whose forward takes and gives all sorts of things."""
    nn = lib.nn

    class Form(nn.Module):
        def __init__(self, function):
            super().__init__()
            self.function = function
            self.w = nn.Parameter(lib.tensor(2.0))

        def forward(self, *args, **kwargs):
            return self.function(self.w, *args, **kwargs)

    a, b = lib.ones(2, requires_grad=True), lib.ones(3, requires_grad=True)
    return {
        "one": (Form(lambda w, x: x * w), (a,), {}),
        "two in": (Form(lambda w, x, y: x.sum() * y * w), (a, b), {}),
        "two out": (Form(lambda w, x: (x * w, x + w)), (a,), {}),
        "dict out": (Form(lambda w, x: {"a": x * w, "b": 3}), (a,), {}),
        "list out": (Form(lambda w, x: [x * w, None]), (a,), {}),
        "mixed in": (Form(lambda w, x, n, s, y: x.sum() * w * n + y.sum()), (a, 2, "s", b), {}),
        "keyword in": (Form(lambda w, x, y=None: x.sum() * w * y), (a,), {"y": b}),
        "only keyword": (Form(lambda w, x=None: x * w), (), {"x": a}),
        "no gradient in": (Form(lambda w, x: x * w), (a.detach(),), {}),
        "integers in": (Form(lambda w, x: x * w), (lib.tensor([1, 2]),), {}),
        "detached out": (Form(lambda w, x: (x * w).detach()), (a,), {}),
        "same out": (Form(lambda w, x: x), (a,), {}),
        "nothing in": (Form(lambda w: w * 3), (), {}),
        "nothing out": (Form(lambda w, x: None), (a,), {}),
        "view": (Form(lambda w, x: (x * w).view(1, 2)), (a,), {}),
        "nested out": (Form(lambda w, x: (x * w, (x, [x + w]))), (a,), {}),
        "tuple in": (Form(lambda w, pair: pair[0].sum() * w * pair[1]), ((a, b),), {}),
        "detached in": (Form(lambda w, x, y: x.sum() * w * y), (a, b.detach()), {}),
        "detached and unused in": (Form(lambda w, x, y: x * w), (a, b.detach()), {}),
        "unused out": (Form(lambda w, x, y: (x * w, y.detach() * w * 0, y)), (a, b), {}),
        "unused in": (Form(lambda w, x, y: x * w), (a, b), {}),
    }  # fmt: skip


def total(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return sum(total(v) for v in value)
    return value.sum() if hasattr(value, "sum") and value.requires_grad else 0


def case_backward_forms(lib):
    results = {}
    for name in forms(lib):
        for kinds in (("register_full_backward_hook",), ("register_full_backward_pre_hook",), ("register_backward_hook",),
                      ("register_full_backward_hook", "register_full_backward_pre_hook")):  # fmt: skip
            seen = []

            def run():
                module, args, kwargs = forms(lib)[name]
                for kind in kinds:
                    getattr(module, kind)(lambda m, *grads: seen.append([shapes(g) for g in grads]))
                result = module(*args, **kwargs)
                result = total(result[:1] if name == "unused out" else result)
                if hasattr(result, "backward"):
                    result.backward()
                return [module.w.grad, [x.grad for x in args if hasattr(x, "grad")]]

            results[f"{name} {kinds}"] = [outcome(run), seen]
    return results


def case_backward_changes(lib):
    nn = lib.nn
    results = []
    for change in (lambda g: (g[0] * 2,), lambda g: (None,), lambda g: (g[0], g[0]), lambda g: (), lambda g: 3,
                   lambda g: [g[0] * 3], lambda g: None):  # fmt: skip
        for kind in ("register_full_backward_hook", "register_full_backward_pre_hook", "register_backward_hook"):

            def run():
                layer = nn.Tanh()
                getattr(layer, kind)(lambda m, *grads: change(grads[0]))
                x = lib.ones(2, requires_grad=True)
                layer(x).sum().backward()
                return x.grad

            results.append(outcome(run))
    return results


def case_mixing_kinds(lib):
    nn, m = lib.nn, lib.nn.modules.module
    results = []
    for first, second in (
        ("register_full_backward_hook", "register_backward_hook"),
        ("register_backward_hook", "register_full_backward_hook"),
    ):

        def run():
            layer = nn.Tanh()
            getattr(layer, first)(lambda *a: None)
            getattr(layer, second)(lambda *a: None)

        results.append(outcome(run))
    handle = m.register_module_full_backward_hook(lambda *a: None)
    results.append(outcome(m.register_module_backward_hook, lambda *a: None))
    handle.remove()
    m._global_is_full_backward_hook = None
    return results


def case_always(lib):
    nn, seen = lib.nn, []

    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    def run(module, always, fail=False, **kwargs):
        def hook(*args):
            seen.append([always, len(args), args[-1] is None])
            if fail:
                raise RuntimeError("hook")

        module.register_forward_hook(hook, always_call=always, **kwargs)
        return module

    results = []
    for kwargs in ({}, {"with_kwargs": True}, {"prepend": True}):
        for always in (True, False):
            for fail in (True, False):
                results.append(outcome(run(Fails(), always, fail, **kwargs), lib.ones(1)))
                results.append(outcome(run(nn.ReLU(), always, fail, **kwargs), lib.ones(1)))
                results.append(outcome(run(run(nn.ReLU(), True), always, fail, **kwargs), lib.ones(1)))
    m = lib.nn.modules.module
    handle = m.register_module_forward_hook(lambda *args: seen.append(["all", len(args)]), always_call=True)
    try:
        results.append(outcome(Fails(), lib.ones(1)))
    finally:
        handle.remove()
    return [results, seen]


def counted(module, args, *rest):
    module.calls = getattr(module, "calls", 0) + 1


def case_copies(lib):
    results = []
    layer = lib.nn.Linear(2, 2)
    layer.register_forward_pre_hook(counted)
    layer.register_forward_hook(counted, with_kwargs=False)
    layer.register_forward_pre_hook(counted, with_kwargs=True)
    handle = layer.register_forward_hook(counted, always_call=True)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        twin(lib.ones(1, 2))
        results += [
            twin.calls,
            hasattr(layer, "calls"),
            len(twin._forward_hooks),
            len(twin._forward_hooks_always_called),
        ]
    handle.remove()
    results += [len(layer._forward_hooks), len(layer._forward_hooks_always_called)]
    other = pickle.loads(pickle.dumps(handle))
    results += [type(other).__name__, outcome(other.remove)]
    with layer.register_forward_hook(counted) as inside:
        results.append(type(inside).__name__)
        layer(lib.ones(1, 2))
    results.append(layer.calls)
    return results


def case_handles(lib):
    hooks = lib.utils.hooks
    table, extra = OrderedDict(), {}
    handle = hooks.RemovableHandle(table, extra_dict=OrderedDict(extra))
    first = handle.id
    second = hooks.RemovableHandle(table).id
    return [
        second - first,
        hooks.RemovableHandle.next_id - second,
        outcome(hooks.RemovableHandle, 3),
        outcome(handle.remove),
        outcome(handle.remove),
    ]


def case_tensor_hooks_warned_of(lib):
    hooks = lib.utils.hooks
    x = lib.ones(1, requires_grad=True)
    x.register_hook(lambda g: g)
    return [
        outcome(hooks.warn_if_has_hooks, x),
        hooks.unserializable_hook(counted) is counted,
        counted.__torch_unserializable__,
    ]


def case_double_backward(lib):
    seen, layer = [], lib.nn.Tanh()
    layer.register_full_backward_hook(lambda m, gi, go: seen.append([gi[0] is not None, go[0] is not None]))
    x = lib.ones(2, requires_grad=True)
    (g,) = lib.autograd.grad(layer(x).sum(), x, create_graph=True)
    g.sum().backward()
    return [x.grad, seen]


def case_removed_while_running(lib):
    seen, layer = [], lib.nn.Identity()

    def once(module, args, output):
        seen.append("once")
        handle.remove()

    handle = layer.register_forward_hook(once)
    layer.register_forward_hook(lambda *a: seen.append("other"))
    outcome(layer, lib.ones(1))
    layer(lib.ones(1))
    return seen
