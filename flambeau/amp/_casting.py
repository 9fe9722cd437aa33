"""What autocast casts: which functions compute in the lower precision, which in float32, which in the widest dtype given.

Until the first region is entered no function knows of it. Then the bodies of the functions in the lists are exchanged for
ones that cast their arguments inside a region. Functions that are made of others (einsum, attention modules) are in no list.
"""

import functools
import operator
import threading

import flambeau

from ..overrides import replace_body

LOWER = {
    "": "addbmm addmm baddbmm bmm conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d matmul mm prelu",
    "nn.functional": "affine_grid linear scaled_dot_product_attention",
    "linalg": "vecdot",
    "nn._recurrence": "is_native",
}
FLOAT32 = {
    "": "cdist cholesky cholesky_inverse cholesky_solve geqrf grid_sampler grid_sampler_2d grid_sampler_3d inverse lu lu_solve "
    "nanquantile ormqr orgqr pinverse polar prod qr quantile stft svd trace triangular_solve view_as_complex "
    "fake_quantize_per_tensor_affine",
    "nn.functional": "adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d binary_cross_entropy binary_cross_entropy_with_logits "
    "cosine_embedding_loss cross_entropy ctc_loss fractional_max_pool2d fractional_max_pool3d grid_sample hinge_embedding_loss "
    "huber_loss kl_div l1_loss linear_cross_entropy margin_ranking_loss max_unpool1d max_unpool2d max_unpool3d mse_loss "
    "multi_margin_loss multilabel_margin_loss nll_loss poisson_nll_loss smooth_l1_loss soft_margin_loss triplet_margin_loss",
    "linalg": "cholesky cholesky_ex cond eig eigh eigvals eigvalsh householder_product inv inv_ex lstsq matrix_rank qr solve "
    "svd svdvals tensorinv tensorsolve",
    "masked": "prod",
    "fft": "fft fft2 fftn hfft ifft ifft2 ifftn ihfft irfft irfft2 irfftn rfft rfft2 rfftn",
}
WIDEST = {"": "cat index_copy stack hstack vstack dstack column_stack"}
# Computed in what they are given, though they are made of functions that are not.
AS_GIVEN = {
    "nn.functional": "grouped_mm",
    "": "cross",
    "linalg": "cross det ldl_factor ldl_factor_ex ldl_solve lu lu_factor lu_factor_ex lu_solve matrix_exp slogdet "
    "solve_ex solve_triangular",
}


class _Region(threading.local):
    """What is set in this thread."""

    def __init__(self):
        self.active = None  # the lower precision inside a region of the CPU
        self.cache_enabled, self.cache = True, {}
        self.enabled, self.dtypes, self.nesting = {}, {}, 0  # by kind of device


region = _Region()


def _eligible(value):
    return isinstance(value, flambeau.Tensor) and value.dtype.is_floating_point and value.dtype is not flambeau.float64


def _converted(values, convert):
    """Arguments with their tensors converted, also those in lists and tuples."""
    if _eligible(values):
        return convert(values)
    if type(values) in (list, tuple):
        return type(values)([_converted(value, convert) for value in values])
    return values


def _lowered(tensor, dtype):
    """A tensor in the lower precision; that of a weight is kept until the region ends."""
    if tensor.dtype is dtype:
        return tensor
    weight = tensor.requires_grad and tensor.is_leaf and tensor.dtype is flambeau.float32 and not tensor._is_view()
    if not (weight and region.cache_enabled):
        return tensor.to(dtype)
    key = (id(tensor), tensor._version, dtype, flambeau.is_grad_enabled())
    if key not in region.cache:
        region.cache[key] = (tensor, tensor.to(dtype))  # the tensor is kept, so that its id stays its own
    return region.cache[key][1]


def _in_float32(tensor):
    return tensor if tensor.dtype is flambeau.float32 else tensor.to(flambeau.float32)


def _unchanged(tensor):
    return tensor


# A rule says how a call's tensors are converted, given the lower precision and the arguments; None: as if there were no region.


def _lower_rule(dtype, args, kwargs):
    return lambda tensor: _lowered(tensor, dtype)


def _float32_rule(dtype, args, kwargs):
    return _in_float32


def _given_rule(dtype, args, kwargs):
    return _unchanged


def _leaves(values):
    for value in values:
        if type(value) in (list, tuple):
            yield from _leaves(value)
        elif _eligible(value):
            yield value.dtype


def _widest_rule(dtype, args, kwargs):
    widest = dtype
    for found in _leaves((*args, *kwargs.values())):
        if flambeau.float32 in (widest, found):
            widest = flambeau.float32
        elif found is not dtype:
            raise RuntimeError(
                f"[autocast] expected arguments of {dtype} or torch.float32, got {found}: convert with .to(dtype)"
            )
    return _in_float32 if widest is flambeau.float32 else _lower_rule(dtype, args, kwargs)


def _pad_rule(dtype, args, kwargs):
    """Reflections of lines and planes, and replications, are in float32."""
    pad, mode = _arguments(args, kwargs, pad=(1, ()), mode=(2, "constant"))
    return _in_float32 if mode == "replicate" or (mode == "reflect" and len(pad) <= 4) else None


def _max_pool3d_rule(dtype, args, kwargs):
    (indices,) = _arguments(args, kwargs, return_indices=(6, False))
    return None if indices else _in_float32


def _recurrence_rule(dtype, args, kwargs):
    """A whole LSTM of float32 is in lower precision; other networks are made of functions that are cast one by one."""
    mode, input, _, _, weights, *_ = args
    whole = mode == "LSTM" and input.dtype is flambeau.float32 and weights[2] is not None and weights[4] is None
    return _lower_rule(dtype, args, kwargs) if whole else None


def _arguments(args, kwargs, **places):
    """Arguments by name, position and default."""
    return [kwargs.get(name, args[i] if i < len(args) else default) for name, (i, default) in places.items()]


_RULES = (
    (LOWER, _lower_rule),
    (FLOAT32, _float32_rule),
    (WIDEST, _widest_rule),
    (AS_GIVEN, _given_rule),
    ({"nn.functional": "pad"}, _pad_rule),
    ({"nn.functional": "max_pool3d"}, _max_pool3d_rule),
    ({"nn._recurrence": "run_layers"}, _recurrence_rule),
)


def _casting(rule, plain):
    """plain, with arguments cast inside a region, where autocast is off while it computes."""

    @functools.wraps(plain)
    def call(*args, **kwargs):
        dtype = region.active
        if dtype is None or kwargs.get("out") is not None:
            return plain(*args, **kwargs)
        convert = rule(dtype, args, kwargs)
        if convert is None:
            return plain(*args, **kwargs)
        region.active = None
        try:
            args = [_converted(value, convert) for value in args]
            return plain(*args, **{name: _converted(value, convert) for name, value in kwargs.items()})
        finally:
            region.active = dtype

    return call


_lock = threading.Lock()


@functools.cache
def install():
    """Exchange the bodies of the functions in the lists, once."""
    with _lock:
        for lists, rule in _RULES:
            functions = {}
            for space, names in lists.items():
                module = operator.attrgetter(space)(flambeau) if space else flambeau
                functions.update({id(f): f for f in (getattr(module, name, None) for name in names.split()) if f})
            for function in functions.values():
                replace_body(function, functools.partial(_casting, rule))
