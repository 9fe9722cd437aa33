"""nn.utils.prune: masks, parameters, gradients, hooks, with the same seed."""

import importlib

from . import outcome

AMOUNTS = (0, 2, 0.3, 1.0, 100)


def prune_of(lib):
    return importlib.import_module(f"{lib.__name__}.nn.utils.prune")


def ways(lib):
    prune = prune_of(lib)
    return {
        "l1": lambda m, a: prune.l1_unstructured(m, "weight", a),
        "random": lambda m, a: prune.random_unstructured(m, "weight", a),
        "slices": lambda m, a: prune.random_structured(m, "weight", a, 0),
        "last slices": lambda m, a: prune.random_structured(m, "weight", a, -1),
        "ln 2": lambda m, a: prune.ln_structured(m, "weight", a, 2, 0),
        "ln 1": lambda m, a: prune.ln_structured(m, "weight", a, 1, 1),
        "ln inf": lambda m, a: prune.ln_structured(m, "weight", a, float("inf"), -1),
        "identity": lambda m, a: prune.identity(m, "weight"),
        "mask": lambda m, a: prune.custom_from_mask(m, "weight", m.weight.detach() > 0),
        "scores": lambda m, a: prune.l1_unstructured(m, "weight", a, importance_scores=lib.rand(m.weight.shape)),
    }


def layers(lib):
    lib.manual_seed(0)
    yield lib.nn.Linear(5, 7), lib.ones(2, 5)
    yield lib.nn.Conv2d(4, 6, 3), lib.ones(2, 4, 4, 4)


def step(lib, layer, x):
    layer(x).square().sum().backward()
    return {name: p.grad for name, p in layer.named_parameters()}


def case_each_way(lib):
    results = {}
    for way, function in ways(lib).items():
        for amount in AMOUNTS:
            for layer, x in layers(lib):
                lib.manual_seed(1)
                results[f"{way} {amount} {type(layer).__name__}"] = [
                    outcome(function, layer, amount),
                    outcome(step, lib, layer, x),
                    prune_of(lib).is_pruned(layer),
                    outcome(prune_of(lib).remove, layer, "weight"),
                    len(layer._forward_pre_hooks),
                ]
    return results


def case_one_after_the_other(lib):
    results = {}
    for first, one in ways(lib).items():
        for second, two in ways(lib).items():
            layer, _ = next(layers(lib))
            lib.manual_seed(1)
            results[f"{first}, {second}"] = [outcome(lambda: (one(layer, 0.3), two(layer, 2))[1])]
    return results


def case_globally(lib):
    prune, results = prune_of(lib), {}
    for kind in ("L1Unstructured", "RandomUnstructured", "RandomStructured", "Identity"):
        for amount in (3, 0.35, 0, 100):
            for scored in (False, True):
                lib.manual_seed(3)
                model = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Linear(4, 2))
                places = [(model[0], "weight"), (model[1], "weight"), (model[0], "bias")]
                scores = {places[0]: lib.rand(4, 3)} if scored else None
                kwargs = {} if kind == "Identity" else {"amount": amount}

                def run():
                    for _ in range(2):
                        prune.global_unstructured(places, getattr(prune, kind), importance_scores=scores, **kwargs)
                    return model

                results[f"{kind} {amount} {scored}"] = outcome(run)
    return results


def case_errors(lib):
    prune, layer = prune_of(lib), lib.nn.Linear(3, 4)
    return [
        outcome(prune.remove, layer, "weight"),
        outcome(prune.l1_unstructured, layer, "none", 1),
        outcome(prune.ln_structured, layer, "bias", 1, 2, 0),
        outcome(prune.ln_structured, layer, "weight", 1, 2, 5),
        outcome(prune.custom_from_mask, layer, "weight", lib.ones(3)),
        outcome(prune.l1_unstructured, layer, "weight", 1, importance_scores=lib.ones(2)),
        outcome(prune.global_unstructured, 3, prune.L1Unstructured, amount=1),
        outcome(prune.global_unstructured, [(layer, "weight")], prune.L1Unstructured, importance_scores=3, amount=1),
        outcome(prune.PruningContainer, 3),
        outcome(prune.BasePruningMethod),
        *(outcome(prune.l1_unstructured, layer, "weight", amount) for amount in (-1, 1.5, "a")),
        outcome(layer),
    ]


def case_outside_of_modules(lib):
    prune = prune_of(lib)
    lib.manual_seed(0)
    x = lib.randn(4, 3)
    mask = lib.tensor([[1.0, 0.0, 1.0]] * 4)
    return [
        prune.L1Unstructured(2).prune(x),
        prune.LnStructured(1, 2, 0).prune(x, default_mask=mask, importance_scores=lib.rand(4, 3)),
        prune.RandomStructured(1).prune(x),
    ]
