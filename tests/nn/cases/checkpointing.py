"""utils.checkpoint: both forms, contexts, early stop, selective keeping, errors."""

import contextlib
import importlib

from . import outcome


def tools(lib):
    return importlib.import_module(f"{lib.__name__}.utils.checkpoint")


def case_both_forms(lib):
    cp, results = tools(lib), {}
    nn = lib.nn
    for reentrant in (True, False, None):
        for kwargs in (
            {},
            {"preserve_rng_state": False},
            {"determinism_check": "none"},
            {"debug": True},
            {"early_stop": False},
            {"determinism_check": "x"},
        ):

            def run():
                lib.manual_seed(0)
                model = nn.Sequential(
                    nn.Linear(3, 4),
                    nn.Tanh(),
                    nn.Dropout(0.5 if "preserve_rng_state" not in kwargs else 0.0),
                    nn.Linear(4, 2),
                )
                x = lib.ones(2, 3, requires_grad=True)
                y = cp.checkpoint(model, x, use_reentrant=reentrant, **kwargs)
                y.square().sum().backward()
                return [y, x.grad, [p.grad for p in model.parameters()], lib.rand(1)]

            results[f"{reentrant} {kwargs}"] = outcome(run)
    return results


def case_arguments(lib):
    cp, results = tools(lib), []
    x = lib.ones(2, requires_grad=True)

    def function(a, b=None, *, c=1):
        return {"out": a["x"] * 2 * c, "n": b}

    for reentrant in (True, False):
        results += [
            outcome(lambda: cp.checkpoint(function, {"x": x}, 3, use_reentrant=reentrant)),
            outcome(lambda: cp.checkpoint(function, {"x": x}, use_reentrant=reentrant, c=4)["out"]),
            outcome(lambda: cp.checkpoint(lambda a, b: (a * b, 3, a + b), x, 2, use_reentrant=reentrant)[0]),
            outcome(lambda: cp.checkpoint(lambda: x * 2, use_reentrant=reentrant)),
            outcome(lambda: cp.checkpoint(lambda a: a * 2, x.detach(), use_reentrant=reentrant).requires_grad),
            outcome(
                lambda: cp.checkpoint(
                    lambda a: a, x, use_reentrant=reentrant, context_fn=lambda: (contextlib.nullcontext(),) * 2
                )
            ),
            outcome(lambda: cp.checkpoint(lambda a: a, use_reentrant=reentrant)),
            outcome(lambda: cp.checkpoint(lambda a: a.detach() * 2, x, use_reentrant=reentrant).sum().backward()),
        ]
    return results


def case_runs(lib):
    """How often the parts of a function run, with and without early stop and retained graphs."""
    cp, results = tools(lib), []
    for early in (True, False, None):
        for twice in (False, True):
            seen = []

            def function(x):
                seen.append("first")
                y = x.exp()
                seen.append("second")
                z = y.sin()
                seen.append("third")
                return z + 1

            def run():
                x = lib.ones(2, requires_grad=True)
                kwargs = {} if early is None else {"early_stop": early}
                y = cp.checkpoint(function, x, use_reentrant=False, **kwargs).sum()
                y.backward(retain_graph=twice)
                if twice:
                    y.backward()
                return x.grad

            with cp.set_checkpoint_early_stop(False) if early is None else contextlib.nullcontext():
                results.append([outcome(run), seen])
    return results


def case_contexts(lib):
    cp, seen = tools(lib), []

    @contextlib.contextmanager
    def saying(what):
        seen.append(f"enter {what}")
        yield
        seen.append(f"leave {what}")

    x = lib.ones(2, requires_grad=True)
    y = cp.checkpoint(
        lambda a: a.exp().sin(), x, use_reentrant=False, context_fn=lambda: (saying("one"), saying("two"))
    )
    seen.append("between")
    y.sum().backward()
    return [seen, x.grad]


def case_nested(lib):
    cp, results = tools(lib), []
    for outer in (True, False):
        for inner in (True, False):

            def run():
                x = lib.ones(2, requires_grad=True)

                def middle(a):
                    return cp.checkpoint(lambda b: b.sin().exp(), a.cos(), use_reentrant=inner) * a

                cp.checkpoint(middle, x, use_reentrant=outer).sum().backward()
                return x.grad

            results.append(outcome(run))
    return results


def case_differing_runs(lib):
    cp, results = tools(lib), []
    for check in ("default", "none"):
        for second in (
            lambda x: x.exp(),
            lambda x: x.exp().exp().exp(),
            lambda x: x[:1].exp().exp(),
            lambda x: x.double().exp().exp(),
            lambda x: x,
        ):
            for debug in (False, True):
                runs = []

                def function(x):
                    runs.append(1)
                    return x.exp().exp() if len(runs) == 1 else second(x)

                def run():
                    x = lib.ones(2, requires_grad=True)
                    cp.checkpoint(
                        function, x, use_reentrant=False, determinism_check=check, debug=debug
                    ).sum().backward()

                results.append(outcome(run) if check == "default" or len(results) > 99 else None)
    return results


def case_sequential(lib):
    cp, results = tools(lib), []
    nn = lib.nn
    for segments in (1, 2, 3, 4, 7, 0):
        for reentrant in (True, False, None):

            def run():
                lib.manual_seed(0)
                model = nn.Sequential(*[nn.Linear(3, 3) for _ in range(4)])
                x = lib.ones(2, 3, requires_grad=True)
                y = cp.checkpoint_sequential(model, segments, x, use_reentrant=reentrant)
                y.sum().backward()
                return [y, x.grad, model[0].weight.grad]

            results.append(outcome(run))
    results.append(outcome(cp.checkpoint_sequential, [lib.exp], 1, lib.ones(1), use_reentrant=False, other=1))
    return results


def case_small_things(lib):
    cp = tools(lib)
    return [
        [list(p) for p in cp.get_device_states(lib.ones(1))], outcome(cp.set_device_states, [], []), outcome(cp.detach_variable, [lib.ones(1)]),
        [t.requires_grad if hasattr(t, "shape") else t for t in cp.detach_variable((lib.ones(1, requires_grad=True), lib.ones(1), 3))],
        {p.name: p.value for p in cp.CheckpointPolicy}, cp.DefaultDeviceType.get_device_type(),
        outcome(cp.create_selective_checkpoint_contexts, 3), outcome(cp.create_selective_checkpoint_contexts, [3]),
    ]  # fmt: skip


def case_selective(lib):
    """The gradients, and how often products run, whatever is kept."""
    cp, results = tools(lib), []
    for policy in (
        True,
        False,
        cp.CheckpointPolicy.MUST_SAVE,
        cp.CheckpointPolicy.PREFER_SAVE,
        cp.CheckpointPolicy.MUST_RECOMPUTE,
    ):
        for alone in (True, False):

            def choose(context, op, *args, **kwargs):
                product = op.name().startswith(("aten::mm", "aten::matmul"))
                return policy if product or not alone else False

            def run():
                lib.manual_seed(0)
                w = lib.randn(3, 3, requires_grad=True)
                x = lib.randn(2, 3, requires_grad=True)
                y = cp.checkpoint(
                    lambda a: ((a @ w).sin() @ w).tanh() * a.cos(), x, use_reentrant=False,
                    context_fn=lambda: cp.create_selective_checkpoint_contexts(choose),
                )  # fmt: skip
                y.sum().backward()
                return [y, x.grad, w.grad]

            results.append(outcome(run))
    return results
