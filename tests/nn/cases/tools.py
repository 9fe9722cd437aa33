"""nn.grad, nn.parallel, nn.attention, stateless calls, small helpers."""

import importlib
from collections import namedtuple

from . import outcome

Pair = namedtuple("Pair", ["a", "b"])


def part(lib, name):
    return importlib.import_module(f"{lib.__name__}.{name}")


def case_gradients_of_convolutions(lib):
    grad, results = part(lib, "nn.grad"), []
    for dims in (1, 2, 3):
        for stride, padding, dilation, groups in ((1, 0, 1, 1), (2, 1, 1, 2), (1, 2, 2, 1), (3, 0, 1, 1)):
            lib.manual_seed(0)
            x = lib.randn(2, 2, *[7, 6, 5][:dims], dtype=lib.float64)
            w = lib.randn(4, 2 // groups, *[3, 2, 2][:dims], dtype=lib.float64)
            y = getattr(lib.nn.functional, f"conv{dims}d")(x, w, None, stride, padding, dilation, groups)
            g = lib.randn(y.shape, dtype=lib.float64)
            rest = (stride, padding, dilation, groups)
            results += [
                outcome(getattr(grad, f"conv{dims}d_input"), x.shape, w, g, *rest),
                outcome(getattr(grad, f"conv{dims}d_weight"), x, w.shape, g, *rest),
            ]
    return results


def case_data_parallel(lib):
    nn = lib.nn
    lib.manual_seed(0)
    model = nn.DataParallel(nn.Linear(2, 3))
    x = lib.ones(4, 2)
    return [
        repr(model), list(model.state_dict()), model.device_ids, model(x), repr(nn.DataParallel(nn.ReLU(), device_ids=[0])), outcome(model), outcome(model, x, 3),
        outcome(nn.parallel.DistributedDataParallel, nn.Linear(1, 1)), isinstance(model, nn.parallel.DataParallel), model.module(x),
        repr(model.load_state_dict(model.state_dict())),
    ]  # fmt: skip


def case_kernels(lib):
    attention = lib.nn.attention
    backend = attention.SDPBackend
    results = [
        {b.name: b.value for b in backend.__members__.values()},
        [b.name for b in attention._cur_sdpa_kernel_backends()],
    ]
    for chosen in (backend.MATH, [backend.MATH, backend.FLASH_ATTENTION], [], 3, "MATH"):

        def run():
            with attention.sdpa_kernel(chosen) as given:
                return [dict(given), [b.name for b in attention._cur_sdpa_kernel_backends()]]

        results.append(outcome(run))
    with attention.sdpa_kernel([backend.MATH], set_priority=True):
        with attention.sdpa_kernel(backend.FLASH_ATTENTION):
            results.append(lib.backends.cuda.math_sdp_enabled())
        results.append(lib.backends.cuda.math_sdp_enabled())
    results.append([b.name for b in attention._cur_sdpa_kernel_backends()])
    results += [outcome(attention.activate_flash_attention_impl, "no"), attention.current_flash_attention_impl()]
    return results


def case_causal_masks(lib):
    bias, results = part(lib, "nn.attention.bias"), []
    lib.manual_seed(0)
    for make in (bias.causal_upper_left, bias.causal_lower_right):
        for queries, keys in ((3, 3), (2, 4)):
            q, k = lib.randn(1, 2, queries, 4, requires_grad=True), lib.randn(1, 2, keys, 4)
            mask = make(queries, keys)
            y = lib.nn.functional.scaled_dot_product_attention(q, k, k, attn_mask=mask)
            y.sum().backward()
            results += [repr(mask), [mask.seq_len_q, mask.seq_len_kv, int(mask.variant)], y, q.grad]
        results += [outcome(make, 2), outcome(lambda: repr(make(3, 2)))]
    results += [outcome(bias.CausalBias, 3, 1, 1)]
    return results


def case_stateless(lib):
    nn = lib.nn
    call = lib.func.functional_call
    lib.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    model.tied = nn.Linear(2, 2)
    model.tied.weight = model[0].weight
    model.eval()
    x = lib.ones(3, 2)
    new = {name: lib.zeros_like(p) for name, p in model.named_parameters()}
    results = [
        call(model, new, (x,)), call(model, new, x), model,
        outcome(call, model, {"zzz": x}, x), outcome(call, model, {"0.zzz": x}, x), outcome(call, model, new, x, strict=True),
        outcome(call, model, {"0.weight": lib.ones(2, 2), "tied.weight": lib.zeros(2, 2)}, x), outcome(call, model, {"tied.weight": lib.ones(2, 2)}, x),
        outcome(call, model, {"tied.weight": lib.ones(2, 2)}, x, tie_weights=False), outcome(call, model, [{"0.weight": lib.ones(2, 2)}, {"0.bias": lib.ones(2)}], x),
        outcome(call, model, ({"0.weight": lib.ones(2, 2)}, {"0.weight": lib.ones(2)}), x), outcome(call, model, 3, x), outcome(call, model, {"0.weight": 3}, x),
        outcome(call, model, {}, x), outcome(call, model, {"1.running_mean": lib.ones(2)}, x),
    ]  # fmt: skip
    results.append(outcome(call, model, dict(model.named_parameters()) | dict(model.named_buffers()), x, strict=True))
    buffers = {"1.running_mean": lib.zeros(2), "1.num_batches_tracked": lib.tensor(5)}
    call(model, buffers, x)
    results += [buffers, model[1].num_batches_tracked]
    w = lib.ones(2, 2, requires_grad=True)
    call(model, {"0.weight": w}, x).square().sum().backward()
    results += [w.grad, model[0].weight.grad]
    return results


def case_vectors(lib):
    nn = lib.nn
    lib.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    vector = nn.utils.parameters_to_vector(model.parameters())
    nn.utils.vector_to_parameters(vector * 2, model.parameters())
    return [
        vector,
        model,
        outcome(nn.utils.vector_to_parameters, [1], model.parameters()),
        outcome(nn.utils.parameters_to_vector, []),
    ]


def case_skip_init(lib):
    nn = lib.nn
    made = nn.utils.skip_init(nn.Linear, 3, 2, dtype=lib.float64)
    return [tuple(made.weight.shape), str(made.weight.dtype)[6:], outcome(lambda: repr(nn.utils.skip_init(nn.Linear, 3, 2))),
            outcome(nn.utils.skip_init, lib.ones, 3), outcome(nn.utils.skip_init, nn.ReLU)]  # fmt: skip


def case_prefixes(lib):
    from collections import OrderedDict

    utils = part(lib, "nn.modules.utils")
    state = lib.nn.DataParallel(lib.nn.Sequential(lib.nn.Linear(1, 1))).state_dict()
    state["other"] = 1
    utils.consume_prefix_in_state_dict_if_present(state, "module.")
    plain = OrderedDict({"a.b": 1, "c": 2})
    utils.consume_prefix_in_state_dict_if_present(plain, "a.")
    return [list(state), list(state._metadata), plain]


def case_fusion(lib):
    nn, results = lib.nn, []
    for conv, norm, shape in (
        (lambda **k: nn.Conv1d(2, 4, 3, **k), nn.BatchNorm1d, (2, 2, 6)), (lambda **k: nn.Conv2d(2, 4, 3, groups=2, **k), nn.BatchNorm2d, (2, 2, 6, 5)),
        (lambda **k: nn.Conv3d(2, 4, 2, **k), nn.BatchNorm3d, (1, 2, 4, 3, 3)), (lambda **k: nn.ConvTranspose2d(2, 4, 3, **k), nn.BatchNorm2d, (2, 2, 4, 4)),
        (lambda **k: nn.Linear(2, 4, **k), nn.BatchNorm1d, (3, 2)),
    ):  # fmt: skip
        for bias in (True, False):
            for affine in (True, False) if norm is not nn.BatchNorm1d else (True,):
                lib.manual_seed(0)
                layer, after = conv(bias=bias), norm(4, affine=affine)
                x = lib.randn(shape)
                after(layer(x))
                layer.eval(), after.eval()
                name = "fuse_linear_bn_eval" if isinstance(layer, nn.Linear) else "fuse_conv_bn_eval"
                transposed = {"transpose": True} if isinstance(layer, nn.ConvTranspose2d) else {}

                def run():
                    fused = getattr(nn.utils, name)(layer, after, **transposed)
                    return [fused(x), fused, repr(fused)]

                results.append(outcome(run))
    results.append(outcome(nn.utils.fuse_conv_bn_eval, nn.Conv1d(1, 1, 1), nn.BatchNorm1d(1)))
    results.append(outcome(nn.utils.fuse_linear_bn_eval, nn.Linear(1, 2).eval(), nn.BatchNorm1d(1).eval()))
    return results
