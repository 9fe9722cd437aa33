"""Weights computed from others: orthogonal, weight and spectral normalisation, the older forms with hooks too."""

import importlib

from . import outcome


def parts_of(lib):
    root = f"{lib.__name__}.nn.utils."
    return importlib.import_module(root + "parametrizations"), importlib.import_module(root + "parametrize")


def step(lib, layer, x):
    layer.zero_grad()
    y = layer(x)
    (y * y.cos()).sum().backward()
    return [y, {name: p.grad for name, p in layer.named_parameters()}, layer]


def case_orthogonal(lib):
    parametrizations, parametrize = parts_of(lib)
    results = {}
    for which in (None, "matrix_exp", "cayley", "householder", "other"):
        for trivial in (True, False):
            for shape in ((4, 4), (5, 3), (3, 5), (1, 4)):
                lib.manual_seed(0)
                layer = lib.nn.Linear(*shape)
                x = lib.arange(2.0 * shape[0]).reshape(2, -1) / 5
                value = (lib.arange(1.0 * shape[0] * shape[1]) ** 2).sin().reshape(layer.weight.shape)

                def assign():
                    layer.weight = value + lib.eye(*value.shape)
                    return [layer.weight, layer]

                results[f"{which} {trivial} {shape}"] = [
                    outcome(parametrizations.orthogonal, layer, orthogonal_map=which, use_trivialization=trivial),
                    outcome(step, lib, layer, x),
                    outcome(assign),
                    repr(layer),
                    outcome(parametrize.remove_parametrizations, layer, "weight"),
                ]
    return results


def case_orthogonal_errors(lib):
    parametrizations, _ = parts_of(lib)

    class Complex(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = lib.nn.Parameter(lib.view_as_complex((lib.arange(24.0) ** 2).reshape(4, 3, 2).sin()))

    lib.manual_seed(0)
    return [
        outcome(lambda: parametrizations.orthogonal(Complex(), orthogonal_map="cayley").weight),
        outcome(lambda: parametrizations.orthogonal(Complex(), orthogonal_map="householder")),
        outcome(lambda: parametrizations.orthogonal(lib.nn.Conv2d(2, 4, 3)).weight.shape),
        outcome(parametrizations.orthogonal, lib.nn.Linear(2, 3), "bias"),
        outcome(parametrizations.orthogonal, lib.nn.Linear(2, 3), "none"),
    ]


def normalized(lib):
    yield lib.nn.Linear(4, 3), lib.ones(2, 4) / 3
    yield lib.nn.Conv1d(2, 3, 3), lib.arange(16.0).reshape(1, 2, 8) / 9
    yield lib.nn.ConvTranspose2d(2, 3, 2), lib.ones(1, 2, 3, 3)
    yield lib.nn.Embedding(5, 3), lib.tensor([1, 2])


def case_weight_norm(lib):
    parametrizations, parametrize = parts_of(lib)
    results = {}
    pairs = {
        "old": (lib.nn.utils.weight_norm, lib.nn.utils.remove_weight_norm),
        "new": (parametrizations.weight_norm, parametrize.remove_parametrizations),
    }
    for age, (add, remove) in pairs.items():
        for dim in (0, 1, None, -1):
            lib.manual_seed(0)
            for layer, x in normalized(lib):
                results[f"{age} {dim} {layer}"] = [
                    outcome(add, layer, "weight", dim),
                    outcome(step, lib, layer, x),
                    outcome(remove, layer, "weight"),
                    outcome(remove, layer, "weight"),
                ]
    return results


def case_spectral_norm(lib):
    parametrizations, parametrize = parts_of(lib)
    results = {}
    pairs = {
        "old": (lib.nn.utils.spectral_norm, lib.nn.utils.remove_spectral_norm),
        "new": (parametrizations.spectral_norm, parametrize.remove_parametrizations),
    }
    for age, (add, remove) in pairs.items():
        for dim, steps in ((0, 1), (1, 3), (None, 1), (-1, 1), (7, 1), (0, 0)):
            lib.manual_seed(0)
            for layer, x in normalized(lib):
                results[f"{age} {dim} {steps} {layer}"] = [
                    outcome(add, layer, "weight", steps, 1e-12, dim),
                    outcome(step, lib, layer, x),
                    outcome(step, lib, layer, x),
                    outcome(step, lib, layer.eval(), x),
                    outcome(remove, layer, "weight"),
                ]
    return results


def case_old_state_into_new_form(lib):
    parametrizations, _ = parts_of(lib)
    lib.manual_seed(1)
    old = lib.nn.utils.weight_norm(lib.nn.Linear(4, 3))
    new = parametrizations.weight_norm(lib.nn.Linear(4, 3))
    return [repr(new.load_state_dict(old.state_dict())), new]


def checks(lib):
    """Parametrizations that are wrong in one way each."""

    class Wider(lib.nn.Module):
        def forward(self, x):
            return lib.cat([x, x])

    class Doubled(lib.nn.Module):
        def forward(self, x):
            return x.double()

    class Nothing(lib.nn.Module):
        def forward(self, x):
            return None

    class Back(lib.nn.Module):
        def __init__(self, back):
            super().__init__()
            self.back = back

        def forward(self, x, *rest):
            return x

        def right_inverse(self, x):
            return self.back(x)

    yield from (Wider(), Doubled(), Nothing())
    for back in (
        lambda x: None,
        lambda x: x.double(),
        lambda x: x[:1],
        lambda x: (x, x),
        lambda x: [x, 1],
        lambda x: [],
    ):
        yield Back(back)


def case_registration(lib):
    _, parametrize = parts_of(lib)
    results = []
    for unsafe in (False, True):
        for count, _ in enumerate(checks(lib)):
            for before in ((), (lib.nn.Identity(),)):
                lib.manual_seed(0)
                layer = lib.nn.Linear(2, 2)
                for part in before:
                    parametrize.register_parametrization(layer, "weight", part)
                wrong = list(checks(lib))[count]
                results.append(outcome(parametrize.register_parametrization, layer, "weight", wrong, unsafe=unsafe))

                def assign():
                    layer.weight = lib.ones(2, 2)
                    return layer

                results.append(outcome(assign))
    return results
