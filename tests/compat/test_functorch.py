"""The package functorch under `import torch` as flambeau, and the modules of torch._functorch that it names."""

import importlib

import pytest

from tests.compat.test_alias import check
from tests.frame import fl

functional = importlib.import_module("flambeau._functorch.make_functional")
deprecated = importlib.import_module("flambeau._functorch.deprecated")


def test_import():
    check(
        """
        import flambeau.compat
        flambeau.compat.install()
        import warnings
        import functorch, functorch.compile, functorch.experimental.control_flow, functorch.einops, torch
        from functorch.experimental import chunk_vmap
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            value, tangent = functorch.jvp(torch.sin, (torch.zeros(1),), (torch.ones(1),))
        assert (value.item(), tangent.item()) == (0, 1) and "torch.func.jvp" in str(seen[0].message)
        assert seen[0].category is FutureWarning and seen[0].filename == "<string>" and len(seen) == 1
        assert functorch.__version__ == torch.__version__ and functorch.compile.nop(3) == 3
        assert chunk_vmap(torch.sin, chunks=3)(torch.zeros(5)).tolist() == [0] * 5
        try:
            functorch.compile.aot_function(torch.sin, functorch.compile.nop)
        except NotImplementedError as error:
            assert "torch.compile" in str(error)
        try:
            import functorch.dim
        except ModuleNotFoundError as error:
            assert "functorch.dim" in str(error)
        """
    )


def test_modules_as_functions():
    model = fl.nn.Sequential(fl.nn.Linear(3, 2), fl.nn.BatchNorm1d(2))
    call, params, buffers = functional.make_functional_with_buffers(model)
    x = fl.rand(4, 3)
    own = call(params, buffers, x)
    assert own.tolist() == model.eval().train()(x).tolist() and buffers[2].item() == 1
    assert call.stateless_model[0].weight.is_meta and not any(p is q for p in params for q in model.parameters())
    assert call.param_names == ("0.weight", "0.bias", "1.weight", "1.bias") and call.all_names_map["1.bias"] == [
        "1.bias"
    ]
    gradients = fl.func.grad(lambda p: call(p, buffers, x).square().sum())(params)
    assert [g.shape for g in gradients] == [p.shape for p in params]
    assert not any(p.requires_grad for p in functional.make_functional(model[0], disable_autograd_tracking=True)[1])
    with pytest.raises(RuntimeError, match="has buffers. Please use make_functional_with_buffers"):
        functional.make_functional(model)


def test_parameters_in_two_places():
    first, second = fl.nn.Linear(2, 2), fl.nn.Linear(2, 2)
    second.weight = first.weight
    call, params = functional.make_functional(fl.nn.Sequential(first, second))
    assert call.names_map["0.weight"] == ["0.weight", "1.weight"] and len(params) == 3
    zero = [fl.zeros(2, 2), fl.ones(2), fl.ones(2)]
    assert call(zero, fl.ones(2)).tolist() == [1, 1]


def test_ensembles():
    models = [fl.nn.Linear(3, 2) for _ in range(4)]
    call, params, buffers = functional.combine_state_for_ensemble(models)
    x = fl.rand(5, 3)
    expected = fl.stack([model(x) for model in models])
    assert fl.allclose(fl.vmap(call, in_dims=(0, 0, None))(params, buffers, x), expected) and buffers == ()
    assert not any(p.requires_grad for p in params)
    for wrong, message in (
        ([], "at least one model"),
        ([models[0], fl.nn.ReLU()], "same class"),
        ([models[0], fl.nn.Linear(3, 2).eval()], "training/eval"),
    ):
        with pytest.raises(RuntimeError, match=f"combine_state_for_ensemble: .*{message}"):
            functional.combine_state_for_ensemble(wrong)


def test_old_names_warn():
    for name in ("vmap", "grad", "jacrev", "hessian", "functionalize", "grad_and_value"):
        with pytest.warns(FutureWarning, match=f"functorch.{name}. is deprecated"):
            getattr(deprecated, name)(fl.sin)


def test_batch_norm():
    norm = fl.nn.BatchNorm1d(2)
    module = importlib.import_module("flambeau._functorch.batch_norm_replacement")
    module.batch_norm_without_running_stats(norm)
    module.batch_norm_without_running_stats(fl.nn.ReLU())
    assert norm.running_mean is None and not norm.track_running_stats
