"""Lazy modules and SyncBatchNorm: before and after the first call, states into and out of them, copies, errors."""

import copy
import pickle

from . import outcome

LAZY = {
    "LazyLinear(4)": (2, 3), "LazyConv1d(4, 3)": (2, 3, 5), "LazyConv2d(4, 3, bias=False)": (2, 3, 5, 5), "LazyConv3d(4, 2, stride=2)": (1, 3, 4, 4, 4),
    "LazyConvTranspose1d(4, 3)": (2, 3, 5), "LazyConvTranspose2d(4, 3, groups=2)": (2, 4, 5, 5), "LazyConvTranspose3d(2, 2)": (1, 3, 2, 2, 2),
    "LazyBatchNorm1d()": (4, 3), "LazyBatchNorm2d(affine=False)": (2, 3, 4, 4), "LazyBatchNorm3d(momentum=None)": (2, 3, 2, 2, 2),
    "LazyInstanceNorm1d(affine=True)": (2, 3, 5), "LazyInstanceNorm2d(track_running_stats=True)": (2, 3, 4, 4), "LazyInstanceNorm3d()": (2, 3, 2, 2, 2),
}  # fmt: skip


def make(lib, text):
    lib.manual_seed(0)
    return eval("nn." + text, {"nn": lib.nn})


def described(module):
    """What can be said of a module that may have no shapes."""
    lazy = getattr(module, "has_uninitialized_params", lambda: None)()
    kinds = [[name, type(p).__name__] for name, p in module.named_parameters()]
    return [repr(module), type(module).__name__, lazy, kinds, list(module.state_dict()), len(module._forward_pre_hooks)]


def case_first_call(lib):
    results = {}
    for text, shape in LAZY.items():
        module = make(lib, text)
        x = (lib.arange(1.0 * lib.ones(shape).numel()) * 1.7).sin().reshape(shape)
        results[text] = [
            described(module), outcome(module.reset_parameters), "Norm" in text or outcome(lambda: described(copy.deepcopy(module))), outcome(lambda: described(pickle.loads(pickle.dumps(module)))),
            outcome(module.double().to, lib.float32), outcome(module, lib.ones(2)), outcome(module, x), described(module), module, outcome(module, x),
            outcome(lambda: described(pickle.loads(pickle.dumps(module)))),
        ]  # fmt: skip
        del results[text][4]  # the module itself, which has no shapes yet
    return results


def case_states(lib):
    """Into a lazy module, out of one, from one into another."""
    results = {}
    for text, shape in LAZY.items():
        x = (lib.arange(1.0 * lib.ones(shape).numel()) * 1.7).sin().reshape(shape)
        known = make(lib, text)
        known(x)
        state = known.state_dict()

        def into_lazy():
            module = make(lib, text)
            answer = repr(module.load_state_dict(state))
            return [answer, described(module), module.eval()(x), described(module)]

        def lazy_into_lazy():
            module = make(lib, text)
            return [repr(module.load_state_dict(make(lib, text).state_dict())), described(module)]

        def lazy_into_known():
            return repr(copy.deepcopy(known).load_state_dict(make(lib, text).state_dict()))

        def missing():
            module = make(lib, text)
            return [repr(module.load_state_dict({}, strict=False)), described(module)]

        def strictly():
            return make(lib, text).load_state_dict({})

        results[text] = [outcome(run) for run in (into_lazy, lazy_into_lazy, lazy_into_known, missing, strictly)]
    return results


def case_uninitialized(lib):
    nn = lib.nn
    results = []
    for kind in (nn.UninitializedParameter, nn.UninitializedBuffer):
        tensor = kind(dtype=lib.float64)
        results += [
            repr(tensor), str(tensor.dtype)[6:], tensor.requires_grad, str(tensor.device), outcome(lambda: tensor.shape), outcome(lambda: tensor + 1), outcome(lambda: tensor.sum()),
            outcome(lambda: tensor.size()), outcome(tensor.share_memory_),
            kind is nn.UninitializedBuffer or outcome(lambda: type(copy.deepcopy(tensor)).__name__), outcome(lambda: type(pickle.loads(pickle.dumps(tensor))).__name__),
        ]  # fmt: skip
        tensor.materialize((2, 3))
        results += [type(tensor).__name__, tuple(tensor.shape), str(tensor.dtype)[6:], tensor.requires_grad]
        tensor = kind()
        tensor.materialize((2,), dtype=lib.float64)
        results += [str(tensor.dtype)[6:], isinstance(tensor, nn.Parameter)]
    return results


def case_in_networks(lib):
    nn = lib.nn
    lib.manual_seed(0)
    model = nn.Sequential(nn.LazyConv2d(3, 2), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    x = lib.arange(2.0 * 2 * 5 * 5).reshape(2, 2, 5, 5).sin()
    results = [repr(model), outcome(lambda: lib.optim.SGD(model.parameters(), lr=0.1) and 1)]
    model(x).sum().backward()
    results += [
        repr(model),
        {name: p.grad for name, p in model.named_parameters()},
        outcome(model, lib.ones(2, 3, 5, 5)),
    ]
    return results


def case_synchronized(lib):
    nn = lib.nn
    lib.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3, eps=0.1, momentum=None), nn.Sequential(nn.BatchNorm1d(4, affine=False))
    )
    model[1].running_mean.fill_(2)
    model[1].weight.requires_grad_(False)
    before = model[1]
    model.eval()
    made = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    results = [
        repr(made),
        made is model,
        made[1] is before,
        made[1].weight is before.weight,
        made[1].training,
        made,
        made[1].process_group,
    ]
    one = nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm1d(3, track_running_stats=False))
    results += [repr(one), one, repr(nn.SyncBatchNorm.convert_sync_batchnorm(nn.ReLU()))]
    reverted = getattr(nn.SyncBatchNorm, "revert_sync_batchnorm", None)
    x = (lib.arange(24.0) * 1.7).sin().reshape(4, 3, 2).requires_grad_()
    layer = nn.SyncBatchNorm(3)
    y = layer(x)
    (y * y.cos()).sum().backward()
    results += [
        y,
        x.grad,
        layer.weight.grad,
        layer,
        layer.eval()(x),
        outcome(layer, lib.ones(3)),
        reverted is None,
        list(layer.state_dict()),
    ]
    return results
