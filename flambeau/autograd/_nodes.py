"""The Python classes of the graph's nodes, one per op, made when the first node of the op is seen.

The core gives what a node saved and its attributes by number; here are their names in torch.
"""

from .. import _C

# (what is saved, "-" for what has no name in torch; after the bar: the attributes; the ops)
_TABLE = (
    ("self",
     "abs acos acosh angle asin asinh atan atanh clamp_range cos cosh digamma elu entr erf erfinv gelu gelu_tanh hardshrink hardsigmoid "
     "hardswish hardtanh i0 i1 leaky_relu lgamma log log10 log1p log2 log_ndtr log_sigmoid logit mish nan_to_num ndtr polygamma silu "
     "sin sinc sinh softplus softshrink square cube threshold"),
    ("- result", "exp exp2 expm1 ndtri reciprocal relu rsqrt sigmoid sqrt tan tanh"),
    ("self result", "erfcx i0e i1e sgn"),
    ("self other", "atan2 div fmax fmin fmod logaddexp logaddexp2 maximum minimum mul remainder xlog1py xlogy zeta"),
    ("self other result", "hypot"),
    ("self exponent result", "pow"),
    ("abs angle result", "polar"),
    ("self - result", "copysign"),
    ("- tensor1 tensor2", "addcdiv addcmul"),
    ("self end weight", "lerp"),
    ("self min max", "clamp"),
    ("self weight", "prelu"),
    ("grad_output result", "sigmoid_backward tanh_backward"),
    ("- result", "relu_backward"),
    ("condition", "where_"),
    ("| self_sym_sizes", "sum nansum"),
    ("| self_sym_sizes - self_sym_numel", "mean"),
    ("self", "var"),
    ("self result | - - ord", "vector_norm"),
    ("self result", "amax amin logsumexp prod std"),
    ("| dim", "cat cumsum unbind unsqueeze"),
    ("self result | dim", "cumprod logcumsumexp"),
    ("result | dim", "log_softmax softmax"),
    ("indices | dim self_sym_sizes", "max min median nanmedian mode kthvalue sort topk cummax cummin"),
    ("index | dim self_sym_sizes", "index_select"),
    ("index | dim", "gather index_add index_copy index_fill scatter scatter_add"),
    ("mask", "masked_fill"),
    ("self mat2", "matmul"),
    ("mat1 mat2 | beta alpha", "addmm"),
    ("input weight", "linear"),
    ("input weight | stride padding dilation groups", "convolution convolution_transpose"),
    ("input weight result1 result2 | normalized_shape eps", "layer_norm"),
    ("input weight result1 result2 | training eps", "batch_norm"),
    ("input weight result1 result2 | group eps", "group_norm"),
    ("indices | - padding_idx scale_grad_by_freq", "embedding"),
    ("query key value output logsumexp | is_causal scale", "scaled_dot_product_attention"),
    ("self target", "cross_entropy"),
    ("result1", "max_pool"),
    ("| - self_sym_sizes", "expand squeeze view"),
    ("| dims", "flip permute"),
    ("| diagonal", "tril triu"),
    ("| dimension size step self_sym_sizes", "unfold"),
    ("| size stride storage_offset", "as_strided"),
    ("| pad", "constant_pad"),
    ("| - kernel_size dilation padding stride", "im2col"),
)  # fmt: skip

# Nodes whose name in torch does not follow from the op's here.
_NAMES = {
    "advanced_index": "IndexBackward0",
    "batch_norm": "NativeBatchNormBackward0",
    "clamp_range": "ClampBackward1",
    "constant_pad": "ConstantPadNdBackward0",
    "convolution_transpose": "ConvolutionBackward0",
    "cube": "PowBackward0",
    "gelu_tanh": "GeluBackward0",
    "group_norm": "NativeGroupNormBackward0",
    "im2col": "Im2ColBackward0",
    "layer_norm": "NativeLayerNormBackward0",
    "log1p": "Log1PBackward0",
    "matmul": "MmBackward0",
    "prelu": "PreluKernelBackward0",
    "scaled_dot_product_attention": "ScaledDotProductFlashAttentionForCpuBackward0",
    "square": "PowBackward0",
    "to": "ToCopyBackward0",
    "vector_norm": "LinalgVectorNormBackward0",
    "xlog1py": "SpecialXlog1PyBackward0",
}  # fmt: skip


class SavedTensor:
    """What a node keeps for its backward pass: `grad_fn._raw_saved_self`.

    >>> x = flambeau.ones(2, requires_grad=True)
    >>> y = x.exp()
    >>> y.grad_fn._raw_saved_result.register_hooks(lambda tensor: tensor.numpy(), flambeau.from_numpy)
    >>> y.sum().backward()
    """

    __slots__ = ("_index", "_node")

    def __init__(self, node, index):
        self._node, self._index = node, index

    def register_hooks(self, pack_hook, unpack_hook):
        """From here on what pack_hook(tensor) gives is kept, and unpack_hook gives the tensor back from it."""
        if not (callable(pack_hook) and callable(unpack_hook)):
            raise TypeError(f"[register_hooks] expected two functions, got {pack_hook!r} and {unpack_hook!r}")
        self._node._set_saved_hooks(self._index, lambda tensor: pack_hook(tensor.detach()), unpack_hook)

    def unpack(self):
        """The tensor."""
        return self._node._saved_at(self._index)

    data = property(unpack)


class _Node(_C.Node):
    """What all nodes have beside the core's: names as torch's."""

    __slots__ = ()

    requires_grad = True

    def _sequence_nr(self):
        """When it was made: later nodes have larger numbers."""
        return _C.Node._sequence_nr.__get__(self)

    def __repr__(self):
        return f"<{type(self).__name__} object at {id(self):#x}>"


class _Op(_Node):
    __slots__ = ()

    def name(self):
        """The name of its class."""
        return type(self).__name__

    @property
    def saved_tensors(self):
        raise AttributeError(f"{type(self).__name__!r} object has no attribute 'saved_tensors'")


class _Function(_Node):
    """The node of a function written in Python: what its ctx has, it has too."""

    __slots__ = ()

    def __getattr__(self, name):
        context = self._context
        if context is None or not hasattr(context, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(context, name)

    def __dir__(self):
        return sorted({*super().__dir__(), *dir(self._context)})

    @property
    def _raw_saved_tensors(self):
        return tuple(SavedTensor(self, i) for i in range(len(self.saved_tensors)))


def _layouts():
    """{op: (names of what is saved, names of the attributes)}."""
    found = {}
    for layout, ops in _TABLE:
        saved, _, attributes = layout.partition("|")
        found.update(dict.fromkeys(ops.split(), (saved.split(), attributes.split())))
    return found


_LAYOUTS = _layouts()
_EXPONENTS = {"square": 2, "cube": 3}


def node_class(op, name, kind):
    """The class of an op's nodes; the core asks once for each.

    Args:
        op: the op's name. name: its node's, as the core makes it from that. kind: "op", "function" or "accumulate".
    """
    if kind == "accumulate":
        return type("AccumulateGrad", (_Node,), {"__slots__": (), "__module__": "torch.autograd.graph"})
    if kind == "function":
        return type(name, (_Function,), {"__slots__": (), "__module__": "torch.autograd.function"})
    members = {"__slots__": (), "__module__": "torch.autograd.graph"}
    saved, attributes = _LAYOUTS.get(op, ((), ()))
    for i, label in enumerate(saved):
        if label != "-":
            members[f"_saved_{label}"] = property(lambda self, i=i: self._saved_at(i))
            members[f"_raw_saved_{label}"] = property(lambda self, i=i: SavedTensor(self, i))
    for i, label in enumerate(attributes):
        if label != "-":
            members[f"_saved_{label}"] = property(lambda self, i=i: self._attr_at(i))
    if op in _EXPONENTS:
        members["_saved_exponent"] = _EXPONENTS[op]
    return type(_NAMES.get(op, name), (_Op,), members)
