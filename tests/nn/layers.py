"""The table of layers: how to make one, and what to feed it. `python -m tests.nn.layers torch` records torch's figures.

A layer is made by `make(lib)` after `lib.manual_seed(0)`; its inputs are described by shapes (floats drawn by randn),
`ints(high, *shape)`, `probabilities(...)`, `signs(...)`, or made by a function of the library.
"""

import dataclasses
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

RECORDED = Path(__file__).parent.parent / "recorded" / "layers.json"


@dataclasses.dataclass(frozen=True)
class Layer:
    """One row: the constructor's arguments and the inputs of forward."""

    text: str  # a constructor call below nn, for instance "Linear(3, 4)"
    inputs: tuple
    random: bool = False  # draws in training mode: only the evaluation mode is compared
    tol: float = 2e-5

    def make(self, lib):
        return eval("nn." + self.text, {"nn": lib.nn, "lib": lib})

    def feed(self, lib):
        """The inputs, floats requiring gradients."""
        lib.manual_seed(1)
        return [
            value(lib) if isinstance(value, Callable) else lib.randn(value, requires_grad=True) for value in self.inputs
        ]


def ints(high, *shape):
    return lambda lib: lib.randint(0, high, shape)


def probabilities(*shape):
    return lambda lib: lib.rand(shape).mul(0.98).add(0.01).requires_grad_()


def fixed(*shape):
    return lambda lib: lib.rand(shape)


def signs(*shape):
    return lambda lib: lib.randint(0, 2, shape).mul(2).sub(1).float()


def log_softmaxed(*shape):
    return lambda lib: lib.randn(shape).log_softmax(-1).requires_grad_()


def given(*values):
    return lambda lib: lib.tensor(list(values))


def _rows(text, *inputs):
    return [Layer(line.strip(), inputs) for line in text.strip().splitlines()]


POINTWISE = """
    ReLU()
    ReLU(inplace=False)
    ReLU6()
    Sigmoid()
    Tanh()
    SiLU()
    Mish()
    ELU(0.7)
    CELU(1.3)
    SELU()
    GELU()
    GELU("tanh")
    GLU(1)
    Hardshrink(0.3)
    Hardsigmoid()
    Hardswish()
    Hardtanh(-0.4, 0.6)
    LeakyReLU(0.2)
    LogSigmoid()
    LogSoftmax(1)
    PReLU()
    PReLU(6)
    Softmax(1)
    Softmin(0)
    Softplus(2.0, 3.0)
    Softshrink(0.2)
    Softsign()
    Tanhshrink()
    Threshold(0.1, 3.0)
    Identity()
    Flatten(0)
    Unflatten(1, (2, 3))
"""

LAYERS = [
    *_rows(POINTWISE, (4, 6)),
    *_rows("Linear(6, 3)\nLinear(6, 3, bias=False)\nLazyLinear(3)", (4, 6)),
    Layer("Linear(6, 3)", ((6,),)),
    Layer("Linear(6, 3)", ((2, 3, 6),)),
    Layer("Bilinear(3, 4, 5)", ((2, 3), (2, 4))),
    Layer("Softmax2d()", ((2, 3, 4, 4),)),
    Layer("RReLU()", ((4, 6),), random=True),
    *(
        Layer(f"{name}(0.4)", ((4, 6, 5),), random=True)
        for name in ("Dropout", "Dropout1d", "AlphaDropout", "FeatureAlphaDropout")
    ),
    Layer("Dropout2d(0.4)", ((2, 3, 4, 4),), random=True),
    Layer("Dropout3d(0.4)", ((2, 3, 4, 4, 4),), random=True),
    *_rows(
        'Conv1d(4, 6, 3)\nConv1d(4, 6, 3, 2, 1, 2, 2)\nConv1d(4, 6, 3, padding="same", bias=False)\nLazyConv1d(6, 3)',
        (2, 4, 9),
    ),
    *_rows(
        "Conv2d(4, 6, 3)\nConv2d(4, 6, (3, 2), stride=2, padding=(1, 0), dilation=(1, 2), groups=2)\n"
        'Conv2d(4, 4, 3, padding=1, padding_mode="reflect")\nConv2d(4, 4, 3, padding=1, padding_mode="circular")\n'
        'Conv2d(4, 4, 3, padding="same", padding_mode="replicate")\nLazyConv2d(6, 3)\n'
        "ConvTranspose2d(4, 6, 3, 2, 1, 1)\nConvTranspose2d(4, 6, 3, groups=2, dilation=2)\nLazyConvTranspose2d(6, 3)",
        (2, 4, 7, 8),
    ),
    *_rows("Conv3d(2, 3, 2)\nConv3d(2, 4, 3, 2, 1)\nConvTranspose3d(2, 3, 2, 2)", (2, 2, 4, 5, 4)),
    *_rows("ConvTranspose1d(4, 6, 3)\nConvTranspose1d(4, 6, 3, 2, 1, 1, bias=False)", (2, 4, 9)),
    *_rows(
        "BatchNorm1d(4)\nBatchNorm1d(4, affine=False)\nBatchNorm1d(4, track_running_stats=False)\nLazyBatchNorm1d()",
        (6, 4),
    ),
    *_rows(
        "BatchNorm1d(4, momentum=None)\nInstanceNorm1d(4)\nInstanceNorm1d(4, affine=True, track_running_stats=True)",
        (3, 4, 5),
    ),
    *_rows(
        "BatchNorm2d(4)\nInstanceNorm2d(4, affine=True)\nGroupNorm(2, 4)\nLocalResponseNorm(3)",
        (3, 4, 5, 5),
    ),
    Layer("CrossMapLRN2d(3)", ((3, 4, 5, 5),), tol=2e-4),  # torch's own derivative is that far off
    *_rows("BatchNorm3d(2)\nInstanceNorm3d(2)\nSyncBatchNorm(2)", (2, 2, 3, 3, 3)),
    *_rows("LayerNorm(5)\nLayerNorm((4, 5), bias=False)\nRMSNorm(5)\nRMSNorm((4, 5), eps=0.1)", (3, 4, 5)),
    *_rows(
        "MaxPool1d(2)\nMaxPool1d(3, 2, 1, ceil_mode=True)\nAvgPool1d(3, 1, 1)\n"
        "LPPool1d(2, 3)\nAdaptiveAvgPool1d(3)\nAdaptiveMaxPool1d(4)",
        (2, 3, 9),
    ),
    *_rows(
        "MaxPool2d(2)\nMaxPool2d((3, 2), stride=(2, 1), padding=1, dilation=(1, 2))\nAvgPool2d(2, ceil_mode=True)\n"
        "AvgPool2d(3, 2, 1, count_include_pad=False)\nAvgPool2d(2, divisor_override=3)\nLPPool2d(2, 2)\n"
        "AdaptiveAvgPool2d((3, None))\nAdaptiveMaxPool2d(3)\nUpsample(scale_factor=2)\n"
        "Upsample(size=(5, 9), mode='bilinear')\n"
        "Upsample(scale_factor=1.5, mode='bicubic', align_corners=True)\nUpsamplingNearest2d(scale_factor=2)\n"
        "UpsamplingBilinear2d(size=9)\nReflectionPad2d(1)\nReplicationPad2d((1, 2, 0, 1))\nZeroPad2d((1, -1, 2, 0))\n"
        "ConstantPad2d(1, 3.5)\nCircularPad2d(2)\nPixelShuffle(2)\n"
        "PixelUnshuffle(2)\nChannelShuffle(2)\nUnfold(2, stride=2)",
        (2, 4, 6, 8),
    ),
    *_rows(
        "MaxPool3d(2)\nAvgPool3d(2, 1)\nAdaptiveAvgPool3d(2)\n"
        "AdaptiveMaxPool3d(2)\nReplicationPad3d(1)\n"
        "ReflectionPad3d(1)",
        (2, 2, 4, 4, 5),
    ),
    *_rows(
        "ReflectionPad1d(2)\nReplicationPad1d(2)\nZeroPad1d(2)\nConstantPad1d((1, 2), -1.0)\nCircularPad1d(1)",
        (2, 3, 5),
    ),
    Layer("Fold((4, 5), (2, 2))", ((1, 12, 12),)),
    Layer("Embedding(7, 3, padding_idx=2)", (ints(7, 4, 5),)),
    Layer("Embedding(7, 3, max_norm=1.0)", (ints(7, 4, 5),)),
    *(Layer(f"EmbeddingBag(7, 3, mode='{mode}')", (ints(7, 4, 5),)) for mode in ("sum", "mean", "max")),
    Layer("EmbeddingBag(7, 3, mode='sum', padding_idx=1)", (ints(7, 9), given(0, 2, 2, 7))),
    Layer("CosineSimilarity()", ((3, 4), (3, 4))),
    Layer("PairwiseDistance(p=1.5)", ((3, 4), (3, 4))),
    *_rows(
        "RNN(3, 4)\nRNN(3, 4, 2, nonlinearity='relu', bidirectional=True)\nLSTM(3, 4, 2)\n"
        "LSTM(3, 4, 2, bidirectional=True, proj_size=2)\nGRU(3, 4, 2, bias=False)\nGRU(3, 4, batch_first=True)",
        (5, 2, 3),
    ),
    *_rows("RNNCell(3, 4)\nLSTMCell(3, 4)\nGRUCell(3, 4)", (2, 3)),
    Layer("MultiheadAttention(6, 2)", ((3, 2, 6), (4, 2, 6), (4, 2, 6))),
    Layer(
        "MultiheadAttention(6, 2, kdim=3, vdim=5, bias=False, add_bias_kv=True, add_zero_attn=True)",
        ((3, 2, 6), (4, 2, 3), (4, 2, 5)),
    ),
    Layer("TransformerEncoderLayer(6, 2, 12, dropout=0.0)", ((4, 2, 6),), tol=1e-4),
    Layer(
        "TransformerDecoderLayer(6, 2, 12, dropout=0.0, norm_first=True, activation='gelu')",
        ((4, 2, 6), (5, 2, 6)),
        tol=1e-4,
    ),
    Layer("Transformer(6, 2, 1, 1, 12, dropout=0.0, batch_first=True)", ((2, 4, 6), (2, 5, 6)), tol=1e-4),
    *_rows(
        "L1Loss()\nMSELoss()\nMSELoss(reduction='sum')\n"
        "SmoothL1Loss(beta=0.5)\nHuberLoss(delta=0.7)\nMSELoss(reduction='none')",
        (3, 4),
        (3, 4),
    ),
    *_rows("BCELoss()\nBCELoss(weight=lib.tensor([1.0, 2.0, 3.0, 4.0]))", probabilities(3, 4), fixed(3, 4)),
    *_rows(
        "BCEWithLogitsLoss()\n"
        "BCEWithLogitsLoss(pos_weight=lib.tensor([1.0, 2.0, 3.0, 4.0]))\nMultiLabelSoftMarginLoss()",
        (3, 4),
        fixed(3, 4),
    ),
    *_rows(
        "CrossEntropyLoss()\n"
        "CrossEntropyLoss(lib.tensor([1.0, 2.0, 3.0, 4.0, 5.0]), ignore_index=1, label_smoothing=0.2)\n"
        "CrossEntropyLoss(reduction='none', label_smoothing=0.1)\nMultiMarginLoss()\nMultiMarginLoss(p=2, margin=0.5)",
        (4, 5),
        ints(5, 4),
    ),
    Layer("CrossEntropyLoss()", ((2, 3, 4, 4), ints(3, 2, 4, 4))),
    Layer("CrossEntropyLoss(label_smoothing=0.1)", ((4, 5), probabilities(4, 5))),
    *_rows("NLLLoss()\nNLLLoss(lib.tensor([1.0, 2.0, 3.0]), ignore_index=0)", log_softmaxed(4, 3), ints(3, 4)),
    *_rows(
        "KLDivLoss(reduction='batchmean')\nKLDivLoss(reduction='sum', log_target=True)",
        log_softmaxed(4, 3),
        fixed(4, 3),
    ),
    Layer("PoissonNLLLoss(full=True)", ((3, 4), ints(4, 3, 4))),
    Layer("GaussianNLLLoss(full=True)", ((3, 4), fixed(3, 4), probabilities(3, 4))),
    *_rows("HingeEmbeddingLoss()\nSoftMarginLoss()", (3, 4), signs(3, 4)),
    Layer("CosineEmbeddingLoss(0.2)", ((3, 4), (3, 4), signs(3))),
    Layer("MarginRankingLoss(0.3)", ((3,), (3,), signs(3))),
    Layer("MultiLabelMarginLoss()", ((2, 4), lambda lib: lib.tensor([[3, 0, -1, 1], [2, -1, 0, 0]]))),
    Layer("TripletMarginLoss(swap=True)", ((3, 4), (3, 4), (3, 4))),
    Layer("TripletMarginWithDistanceLoss(margin=0.5)", ((3, 4), (3, 4), (3, 4))),
    Layer(
        "CTCLoss()", (log_softmaxed(8, 2, 5), lambda lib: lib.tensor([[1, 2, 2], [3, 4, 0]]), given(8, 7), given(3, 2))
    ),
    Layer("AdaptiveLogSoftmaxWithLoss(8, 10, [2, 5], div_value=2.0)", ((6, 8), ints(10, 6))),
    Layer("LinearCrossEntropyLoss(4, 3, bias=True)", ((5, 4), ints(3, 5))),
]


def leaves(value):
    """The tensors in a result."""
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in leaves(part)]
    return [] if value is None else [value]


def figures(lib, layer):
    """What a layer computes: results, gradients by inputs and parameters, buffers, as lists of numbers."""
    lib.manual_seed(0)
    module = layer.make(lib)
    inputs = layer.feed(lib)
    module.train(not layer.random)
    results = leaves(module(*inputs))
    differentiable = [r for r in results if r.requires_grad]
    if differentiable:
        total = sum(
            (r * lib.linspace(0.5, 1.5, max(r.numel(), 1))[: r.numel()].reshape(r.shape)).sum() for r in differentiable
        )
        total.backward()
    grads = [x.grad for x in inputs if x.requires_grad] + [p.grad for _, p in sorted(module.named_parameters())]
    return {
        "repr": repr(module),
        "names": [name for name, _ in module.named_parameters()] + list(module.state_dict()),
        "results": [numbers(r) for r in results],
        "grads": [numbers(g) for g in grads],
        "buffers": [numbers(b) for b in module.buffers()],
    }


def numbers(tensor):
    """The shape, the first values, the sum of absolute values and a sum that sees the order."""
    if tensor is None:
        return None
    values = [float(x) for x in tensor.detach().double().reshape(-1).tolist()]
    sums = [sum(map(abs, values)), sum(x * (1 + i % 7) for i, x in enumerate(values))]
    return [list(tensor.shape), [float(f"{x:.7g}") for x in values[:6] + sums]]


def record(lib):
    RECORDED.write_text(json.dumps({f"{i}: {row.text}": figures(lib, row) for i, row in enumerate(LAYERS)}) + "\n")


if __name__ == "__main__":
    record(importlib.import_module(sys.argv[1]))
