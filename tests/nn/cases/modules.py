"""nn.Module itself: registration, state, traversal, conversion, copies, and the errors of each."""

import copy
import pickle
import warnings
from collections import OrderedDict

from . import outcome


def net(lib):
    nn = lib.nn
    lib.manual_seed(0)
    return nn.Sequential(
        OrderedDict(a=nn.Linear(2, 3), b=nn.Sequential(nn.BatchNorm1d(3), nn.ReLU()), c=nn.Linear(3, 1))
    )


def case_register(lib):
    nn = lib.nn

    class Late(nn.Module):
        def __init__(self, what):
            self.x = what
            super().__init__()

    def attempt(kind, *args, **kwargs):
        module = nn.Module()
        module.taken = 1
        module.register_parameter("p", nn.Parameter(lib.ones(1)))
        module.register_buffer("b", lib.ones(1))
        module.add_module("m", nn.ReLU())
        getattr(module, kind)(*args, **kwargs)
        return [list(module._parameters), list(module._buffers), list(module._modules), module]

    w = nn.Parameter(lib.ones(2))
    results = []
    for kind, good in (("register_parameter", w), ("register_buffer", lib.ones(2)), ("add_module", nn.ReLU())):
        for name in ("x", "", "a.b", 3, None, "taken", "p", "b", "m", "training", "forward"):
            results.append(outcome(attempt, kind, name, good))
        for value in (None, 3, "s", lib.ones(2), w, nn.ReLU(), w * 2, nn.ReLU):
            results.append(outcome(attempt, kind, "x", value))
    results.append(outcome(attempt, "register_buffer", "x", lib.ones(1), persistent=False))
    results += [outcome(Late, value) for value in (w, nn.ReLU(), nn.Buffer(lib.ones(1)), lib.ones(1), 3)]
    return results


def case_assign(lib):
    nn = lib.nn

    def kinds(module):
        return [
            list(module._parameters),
            list(module._buffers),
            list(module._modules),
            sorted(module._non_persistent_buffers_set),
        ]

    def attempt(first, second, delete=False):
        module = nn.Module()
        module.x = first()
        if delete:
            del module.x
        module.x = second()
        return [kinds(module), type(module.x).__name__, list(module.state_dict())]

    values = {
        "parameter": lambda: nn.Parameter(lib.ones(2)),
        "buffer": lambda: nn.Buffer(lib.ones(2)),
        "quiet buffer": lambda: nn.Buffer(lib.ones(2), persistent=False),
        "tensor": lambda: lib.ones(3),
        "module": lambda: nn.ReLU(),
        "none": lambda: None,
        "number": lambda: 3,
        "lazy": lambda: nn.UninitializedParameter(),
    }
    results = {}
    for a, first in values.items():
        for b, second in values.items():
            if b == "lazy" or (a in ("tensor", "none", "number") and b[-6:] == "buffer"):
                continue  # torch refuses
            for delete in (False, True):
                results[f"{a}, {b}, {delete}"] = outcome(attempt, first, second, delete)
    return results


def case_registered_then_assigned(lib):
    nn = lib.nn
    results = []
    for persistent in (True, False):
        for value in (None, lib.ones(3), nn.Parameter(lib.ones(3)), 3, nn.ReLU(), nn.Buffer(lib.ones(3))):

            def run():
                module = nn.Module()
                module.register_buffer("x", lib.ones(2), persistent=persistent)
                module.x = value
                return [
                    module,
                    list(module._buffers),
                    sorted(module._non_persistent_buffers_set),
                    list(module._modules),
                ]

            results.append(outcome(run))

    def none_first(kind):
        module = nn.Module()
        getattr(module, kind)("x", None)
        before = list(module.state_dict())
        module.x = nn.Parameter(lib.ones(1)) if kind == "register_parameter" else lib.ones(1)
        return [before, list(module.state_dict()), [n for n, _ in module.named_parameters()]]

    results += [outcome(none_first, kind) for kind in ("register_parameter", "register_buffer")]
    return results


def case_delete(lib):
    nn = lib.nn

    def run(name):
        model = net(lib)
        module = model.b[0]
        delattr(module, name)
        return [list(model.state_dict()), hasattr(module, name)]

    return [outcome(run, name) for name in ("weight", "running_mean", "eps", "zzz")] + [
        outcome(lambda: delattr(nn.Sequential(nn.ReLU()), "0"))
    ]


def case_walk(lib):
    nn = lib.nn
    model = net(lib)
    model.d = model.a  # shared
    model.e = nn.Module()
    model.e.w = model.c.weight
    model.e.buf = model.b[0].running_mean
    model.e.register_buffer("own", lib.ones(1), persistent=False)
    model.e.register_parameter("none", None)
    model.add_module("nothing", None)
    e = model.e
    e.register_buffer("again", e.own)
    results = []
    for duplicates in (True, False):
        results += [
            [n for n, _ in model.named_parameters(remove_duplicate=duplicates)],
            [n for n, _ in model.named_buffers("pre", remove_duplicate=duplicates)],
            [n for n, _ in model.named_modules(prefix="top", remove_duplicate=duplicates)],
        ]
    results += [
        [n for n, _ in model.named_parameters(recurse=False)],
        [n for n, _ in e.named_buffers(recurse=False)],
        [n for n, _ in model.named_children()],
        len(list(model.children())), len(list(model.modules())), len(list(model.parameters())), len(list(model.buffers())),
        list(model.state_dict()),
        list(model.state_dict(prefix="p.")),
        {k: dict(v) for k, v in model.state_dict()._metadata.items()},
    ]  # fmt: skip
    for path in ("", "a", "b.0", "b.1.x", "a.weight", "z", "nothing", "b..0", "a.", 3):
        for kind in ("get_submodule", "get_parameter", "get_buffer"):
            results.append(outcome(lambda: type(getattr(model, kind)(path)).__name__))
    for path in ("b.0.running_var", "a.bias", "e.none", "e.own"):
        for kind in ("get_submodule", "get_parameter", "get_buffer"):
            results.append(outcome(lambda: type(getattr(model, kind)(path)).__name__))
    return results


def case_set_submodule(lib):
    nn = lib.nn
    results = []
    for path in ("a", "b.0", "b.7", "new", "new.x", "", "a.weight", "a.weight.x", "b.0.deep"):
        for strict in (False, True):
            for value in (nn.Tanh(), None, 3, nn.Parameter(lib.ones(1))):

                def run():
                    model = net(lib)
                    model.set_submodule(path, value, strict)
                    return repr(model)

                results.append(outcome(run))
    return results


def case_train_eval_apply(lib):
    model, seen = net(lib), []
    model.b.eval()
    modes = [m.training for m in model.modules()]
    model.apply(lambda m: seen.append(type(m).__name__))
    return [modes, [m.training for m in model.train().modules()], seen, outcome(model.train, 1), outcome(model.train, None),
            model.eval() is model, model.requires_grad_(False) is model, [p.requires_grad for p in model.parameters()]]  # fmt: skip


def case_convert(lib):
    nn = lib.nn
    x = lib.ones(4, 2)
    results = {}
    ways = {
        "double": lambda m: m.double(), "half": lambda m: m.half(), "bfloat16": lambda m: m.bfloat16(), "float": lambda m: m.float(),
        "type": lambda m: m.type(lib.float64), "type name": lambda m: m.type("torch.DoubleTensor"), "to": lambda m: m.to(lib.float64),
        "to tensor": lambda m: m.to(lib.ones(1, dtype=lib.float64)), "to cpu": lambda m: m.to("cpu", lib.bfloat16), "to int": lambda m: m.to(lib.int64),
        "to keywords": lambda m: m.to(device="cpu", dtype=lib.float64, non_blocking=True), "to nothing": lambda m: m.to(),
        "complex": lambda m: m.to(lib.complex64), "cpu": lambda m: m.cpu(), "to empty": lambda m: m.to_empty(device="cpu") is m,
        "to bad": lambda m: m.to("nowhere"), "to layout": lambda m: m.to(memory_format=lib.channels_last),
        "cuda": lambda m: m.cuda(), "to tensor keyword": lambda m: m.to(tensor=lib.ones(1, dtype=lib.float64)), "to three": lambda m: m.to("cpu", lib.float64, True, True),
        "to other": lambda m: m.to(other=lib.ones(1, dtype=lib.float64)), "type int": lambda m: m.type(lib.int32),
    }  # fmt: skip
    for name, way in ways.items():

        def run():
            model = net(lib)
            model(x).sum().backward()
            parameter, grad = model.a.weight, model.a.weight.grad
            buffer, memory = model.b[0].running_mean, model.a.weight.data_ptr()
            way(model)
            return [
                [str(t.dtype)[6:] for t in model.state_dict().values()],
                model.a.weight is parameter,
                model.a.weight.grad is grad,
                model.b[0].running_mean is buffer,
                model.a.weight.data_ptr() == memory,
                str(model.a.weight.grad.dtype)[6:],
                model.a.weight.requires_grad,
            ]

        if not (name == "cuda" and lib.cuda.is_available()):
            results[name] = outcome(run)
    conv = nn.Conv2d(2, 3, 3).to(memory_format=lib.channels_last)
    results["layout"] = [conv.weight.stride(), conv.bias.stride()]
    return results


def case_meta(lib):
    """Modules without memory: made so, moved there, filled by a state_dict."""
    nn = lib.nn
    with lib.device("meta"):
        inside = net(lib)
    direct = nn.Linear(2, 3, device="meta")
    moved = net(lib).to("meta")
    state = net(lib).state_dict()
    results = []
    for module in (inside, direct, moved):
        results.append(
            [
                [n, str(t.device), tuple(t.shape), t.requires_grad]
                for n, t in (*module.named_parameters(), *module.named_buffers())
            ]
        )
    shape = tuple(inside(lib.ones(4, 2, device="meta")).shape)
    results += [
        shape,
        outcome(lambda: str(inside.to_empty(device="cpu").a.weight.device)),
        outcome(lambda: moved.to("cpu")),
        outcome(moved.a.reset_parameters),
    ]
    kept = moved.a.weight
    results += [
        outcome(lambda: repr(moved.load_state_dict(state))), str(moved.a.weight.device), outcome(lambda: repr(moved.load_state_dict(state, assign=True))), moved,
        moved.a.weight is kept, type(moved.a.weight).__name__, moved(lib.ones(4, 2)), outcome(lambda: repr(net(lib).load_state_dict(direct.state_dict(), strict=False))),
    ]  # fmt: skip
    parameter = direct.weight
    direct.to_empty(device="cpu")
    results += [direct.weight is parameter, str(direct.weight.device), direct.weight.requires_grad]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nn.Linear(2, 3, device="meta").load_state_dict(nn.Linear(2, 3).state_dict())
    results.append([str(w.message)[:90] for w in caught])
    return results


def case_zero_grad(lib):
    results = []
    for to_none in (True, False):
        for created in (True, False):
            model = net(lib)
            y = model(lib.ones(4, 2)).square().sum()
            y.backward(create_graph=created)
            grad = model.a.weight.grad
            model.zero_grad(set_to_none=to_none)
            now = model.a.weight.grad
            results.append([now is None, now is grad, None if now is None else [now, now.requires_grad]])
    return results


def case_copies(lib):
    results = []
    model = net(lib)
    model.b[0].register_forward_hook(doubled)
    model(lib.ones(4, 2)).sum().backward()
    model.note = {"deep": [1, 2]}
    model.c.again = model.b
    for twin in (copy.deepcopy(model), copy.copy(model), pickle.loads(pickle.dumps(model))):
        results.append([
            repr(twin), twin, twin.c.again is twin.b, twin.a.weight is model.a.weight,             twin.note is model.note, twin.a.weight.grad, twin.eval()(lib.ones(1, 2)), twin.training, model.training,
        ])  # fmt: skip
        model.train()
    return results


def doubled(module, args, output):
    return output * 2


def case_extra_state(lib):
    nn = lib.nn

    class Counts(nn.Module):
        def __init__(self, count):
            super().__init__()
            self.count, self.w = count, nn.Parameter(lib.ones(1))

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    class OnlyGets(nn.Module):
        def get_extra_state(self):
            return 3

    class OnlySets(nn.Module):
        def set_extra_state(self, state):
            self.seen = state

    one, two = nn.Sequential(Counts(1)), nn.Sequential(Counts(2))
    state = one.state_dict()
    results = [list(state), repr(two.load_state_dict(state)), two[0].count]
    del state["0._extra_state"]
    results += [outcome(two.load_state_dict, state), repr(two.load_state_dict(state, strict=False))]
    results += [
        outcome(OnlyGets().load_state_dict, OnlyGets().state_dict()),
        outcome(OnlySets().load_state_dict, {}),
        outcome(OnlySets().load_state_dict, {"_extra_state": 3}),
        outcome(nn.ReLU().load_state_dict, {"_extra_state": 3}),
        outcome(nn.ReLU().get_extra_state),
        outcome(nn.ReLU().set_extra_state, 1),
    ]
    return results


def case_load(lib):
    nn = lib.nn
    results = {}

    def attempt(change, **kwargs):
        model = net(lib)
        state = OrderedDict((k, v.clone()) for k, v in net(lib).state_dict().items())
        for value in state.values():
            if value.is_floating_point():
                value.mul_(2)
        state = change(state) or state
        parameter = model.a.weight
        answer = model.load_state_dict(state, **kwargs)
        same = (
            isinstance(state, dict) and model.a.weight.data_ptr() == state["a.weight"].data_ptr()
            if "a.weight" in state
            else None
        )
        return [repr(answer), list(answer.missing_keys), list(answer.unexpected_keys), model, model.a.weight is parameter, same,
                str(model.a.weight.dtype), model.a.weight.requires_grad]  # fmt: skip

    changes = {
        "same": lambda s: None,
        "missing": lambda s: s.pop("a.weight") is None or None,
        "unexpected": lambda s: s.update(z=lib.ones(1)),
        "shape": lambda s: s.update({"a.weight": lib.ones(3, 3)}),
        "expandable": lambda s: s.update({"a.weight": lib.ones(1, 2)}),
        "number": lambda s: s.update({"a.weight": 3}),
        "zero dims": lambda s: s.update({"b.0.num_batches_tracked": lib.ones(1, dtype=lib.int64)}),
        "double": lambda s: s.update({"a.weight": s["a.weight"].double()}),
        "integers": lambda s: s.update({"a.weight": s["a.weight"].long()}),
        "complex": lambda s: s.update({"a.weight": s["a.weight"].to(lib.complex64)}),
        "strided": lambda s: s.update({"a.weight": s["a.weight"].t().contiguous().t()}),
        "parameter": lambda s: s.update({"a.weight": nn.Parameter(s["a.weight"])}),
        "frozen parameter": lambda s: s.update({"a.weight": nn.Parameter(s["a.weight"], requires_grad=False)}),
        "no dict": lambda s: [1],
        "none": lambda s: 5,
        "plain dict": lambda s: dict(s),
        "old batch norm": lambda s: s.pop("b.0.num_batches_tracked") is None or None,
        "meta": lambda s: s.update({"a.weight": s["a.weight"].to("meta")}),
        "deeper": lambda s: s.update({"a.weight.x": lib.ones(1)}),
    }
    for name, change in changes.items():
        for kwargs in ({}, {"strict": False}, {"assign": True}):
            results[f"{name} {kwargs}"] = outcome(attempt, change, **kwargs)
    return results


def case_state_dict(lib):
    model = net(lib)
    target = OrderedDict(mine=1)
    kept = model.state_dict(keep_vars=True)
    return [
        kept["a.weight"] is model.a.weight, kept["b.0.running_mean"] is model.b[0].running_mean, kept["a.weight"].requires_grad,
        model.state_dict()["a.weight"].requires_grad, model.state_dict()["a.weight"].data_ptr() == model.a.weight.data_ptr(),
        list(model.state_dict(destination=target, prefix="q.")), list(target), type(model.state_dict()).__name__,
        outcome(lambda: list(model.state_dict(OrderedDict(), "x.", True))), hasattr(model.state_dict(), "_metadata"),
        outcome(lambda: list(model.state_dict(destination={}))),
    ]  # fmt: skip


def case_state_hooks(lib):
    nn = lib.nn
    model, seen = net(lib), []
    handles = [
        model.a.register_state_dict_pre_hook(
            lambda m, prefix, keep: seen.append(["before", type(m).__name__, prefix, keep])
        ),
        model.a._register_state_dict_hook(
            lambda m, state, prefix, meta: seen.append(["after", list(state), prefix, sorted(meta)])
        ),
        model.register_state_dict_post_hook(lambda m, state, prefix, meta: state.update(extra=1)),
        model._register_state_dict_hook(lambda m, state, prefix, meta: OrderedDict(state, last=2)),
        model.a.register_load_state_dict_pre_hook(
            lambda m, *rest: seen.append(["loading", type(m).__name__, rest[1], list(rest[2]), *rest[3:]])
        ),
        model.c._register_load_state_dict_pre_hook(lambda *rest: seen.append(["old", rest[1], *rest[3:]])),
        model.c._register_load_state_dict_pre_hook(
            lambda m, *rest: seen.append(["with", type(m).__name__]), with_module=True
        ),
        model.register_load_state_dict_post_hook(lambda m, keys: keys.unexpected_keys.clear()),
    ]
    state = model.state_dict()
    results = [list(state), repr(model.load_state_dict(state))]
    state["more"] = lib.ones(1)
    results.append(repr(model.load_state_dict(state)))
    del state["c.bias"]
    results.append(outcome(model.load_state_dict, state))
    model.b.register_load_state_dict_post_hook(lambda m, keys: 3)
    results.append(outcome(model.load_state_dict, model.state_dict()))
    for handle in handles:
        handle.remove()
    results.append(list(model.state_dict()))
    model.b._load_state_dict_post_hooks.clear()
    results += [repr(model.load_state_dict(model.state_dict())), len(seen), seen]
    module = nn.ReLU()
    hook = module.register_state_dict_post_hook(lambda m, state, prefix, meta: 3)
    results.append(outcome(module.state_dict))
    hook.remove()

    def marked(*args):
        return None

    module.register_state_dict_post_hook(marked)
    results.append(outcome(lambda: module._register_state_dict_hook(marked) and None))
    results.append(outcome(lambda: module._register_state_dict_hook(lambda *a: None) and None))
    return results


def case_own_loading(lib):
    """Classes that override what loads and saves."""
    nn, seen = lib.nn, []

    class Own(nn.Linear):
        _version = 7

        def _save_to_state_dict(self, destination, prefix, keep_vars):
            super()._save_to_state_dict(destination, prefix, keep_vars)
            destination[prefix + "scale"] = lib.ones(1)

        def _load_from_state_dict(self, state, prefix, metadata, strict, missing, unexpected, errors):
            seen.append([prefix, metadata.get("version"), strict])
            state.pop(prefix + "scale", None)
            if metadata.get("version") == 7:
                errors.append("seven")
            super()._load_from_state_dict(state, prefix, metadata, strict, missing, unexpected, errors)

    model = nn.Sequential(Own(2, 2))
    state = model.state_dict()
    results = [list(state), dict(state._metadata["0"]), outcome(model.load_state_dict, state)]
    del state._metadata
    results += [
        outcome(lambda: repr(model.load_state_dict(state))),
        outcome(lambda: repr(model.load_state_dict(dict(state)))),
        seen,
    ]
    return results


def case_registration_hooks(lib):
    m, nn, seen = lib.nn.modules.module, lib.nn, []
    lib.manual_seed(0)
    handles = [
        m.register_module_parameter_registration_hook(lambda mod, name, p: seen.append(["p", name, p is None])),
        m.register_module_buffer_registration_hook(lambda mod, name, b: seen.append(["b", name, b is None])),
        m.register_module_module_registration_hook(lambda mod, name, c: seen.append(["m", name, type(c).__name__])),
        m.register_module_parameter_registration_hook(lambda mod, name, p: None if p is None else nn.Parameter(p * 0)),
        m.register_module_buffer_registration_hook(lambda mod, name, b: None if b is None else b + 1),
        m.register_module_module_registration_hook(lambda mod, name, c: nn.Tanh() if isinstance(c, nn.ReLU) else None),
    ]
    try:
        model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2), nn.ReLU())
        model.x = nn.Parameter(lib.ones(1))
        model.y = nn.Buffer(lib.ones(1))
        model.z = nn.ReLU()
    finally:
        for handle in handles:
            handle.remove()
    return [seen, repr(model), model, repr(nn.Sequential(nn.ReLU()))]


def case_old_states(lib):
    """__setstate__ of what older versions, and other classes, pickled."""
    nn = lib.nn
    results = []
    for drop in ("_non_persistent_buffers_set", "_forward_pre_hooks", "_state_dict_hooks", "_load_state_dict_pre_hooks",
                 "_load_state_dict_post_hooks", "_is_full_backward_hook", "_forward_hooks_with_kwargs", "_backward_pre_hooks"):  # fmt: skip

        def run():
            model = nn.Linear(2, 2)
            state = dict(model.__dict__) if not hasattr(model, "__getstate__") else dict(model.__getstate__())
            state.pop(drop, None)
            other = nn.Linear.__new__(nn.Linear)
            other.__setstate__(state)
            return [list(other.state_dict()), tuple(other(lib.ones(1, 2)).shape)]

        results.append(outcome(run))
    return results


def case_constructor(lib):
    nn = lib.nn

    class Chained(nn.Module):
        call_super_init = True

    class Mixin:
        def __init__(self, value=0, **kwargs):
            super().__init__(**kwargs)
            self.value = value

    class Both(nn.Module, Mixin):
        call_super_init = True

    class First(Mixin, nn.Module):
        def __init__(self):
            super().__init__(value=4)

    class NoForward(nn.Module):
        pass

    return [
        outcome(nn.Module, 1), outcome(nn.Module, a=1), outcome(Chained, 1), outcome(Chained, a=1), outcome(lambda: Both(value=3).value),
        outcome(lambda: Both(3).value), outcome(lambda: First().value), outcome(NoForward()), outcome(NoForward(), 1, 2),
        outcome(lambda: NoForward().nothing), nn.Module.dump_patches, nn.Module.call_super_init, nn.Module._version,
        [name for name in ("weight", "bias", "in_features", "training", "0") if name in dir(nn.Sequential(nn.ReLU()))],
        [name for name in ("weight", "bias", "in_features", "training", "forward", "_parameters") if name in dir(nn.Linear(1, 1))],
    ]  # fmt: skip


def case_print(lib):
    nn = lib.nn

    class Lines(nn.Module):
        def __init__(self, *children):
            super().__init__()
            for i, child in enumerate(children):
                self.add_module(f"c{i}", child)

        def extra_repr(self):
            return "one\ntwo"

    class Named(nn.Module):
        def _get_name(self):
            return "Other"

    return [
        repr(net(lib)), repr(Lines()), repr(Lines(nn.ReLU(), None, Lines(Named()))), repr(Named()), repr(nn.Sequential()), repr(nn.ModuleList([Lines()] * 3)),
        repr(nn.ModuleList([nn.ReLU(), nn.Linear(1, 1), nn.Linear(1, 1), nn.ReLU(), nn.ReLU()])), repr(nn.ModuleDict({"a": nn.ReLU()})),
        repr(nn.ParameterList([nn.Parameter(lib.ones(2)), lib.ones(1), 3])), repr(nn.ParameterDict({"a": nn.Parameter(lib.ones(2)), "b": "c", "d": lib.ones(1)})),
        repr(nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])), repr(nn.ParameterList()), repr(nn.ParameterDict()), repr(nn.ModuleList()),
    ]  # fmt: skip


def case_attributes_of_getattr(lib):
    """A class with its own __getattr__."""
    nn = lib.nn

    class Lookup(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(1, 1)

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(super().__getattr__("inner"), name)

    module = Lookup()
    return [module.weight is module.inner.weight, module.in_features, outcome(lambda: module.zzz)]
