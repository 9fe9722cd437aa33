"""DenseNet (arXiv 1608.06993)."""

import re
from collections import OrderedDict

import flambeau
from flambeau import nn
from flambeau.utils.checkpoint import checkpoint

from ._api import variant

__all__ = [
    "DenseNet", "DenseNet121_Weights", "DenseNet161_Weights", "DenseNet169_Weights", "DenseNet201_Weights", "densenet121", "densenet161",
    "densenet169", "densenet201",
]  # fmt: skip


class _DenseLayer(nn.Module):
    """What one layer adds to the channels before it: 1x1, then 3x3 convolution, each after normalization and ReLU."""

    def __init__(self, num_input_features, growth_rate, bn_size, drop_rate, memory_efficient=False):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, bn_size * growth_rate, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient

    def _narrow(self, *features):
        return self.conv1(self.relu1(self.norm1(flambeau.cat(features, 1))))

    def forward(self, input):
        features = [input] if isinstance(input, flambeau.Tensor) else input
        if self.memory_efficient and any(x.requires_grad for x in features):
            narrow = checkpoint(self._narrow, *features, use_reentrant=False)
        else:
            narrow = self._narrow(*features)
        new = self.conv2(self.relu2(self.norm2(narrow)))
        return nn.functional.dropout(new, self.drop_rate, self.training) if self.drop_rate > 0 else new


class _DenseBlock(nn.ModuleDict):
    """Layers that see the channels of all layers before them."""

    def __init__(self, num_layers, num_input_features, bn_size, growth_rate, drop_rate, memory_efficient=False):
        super().__init__()
        for i in range(num_layers):
            width = num_input_features + i * growth_rate
            self.add_module(f"denselayer{i + 1}", _DenseLayer(width, growth_rate, bn_size, drop_rate, memory_efficient))

    def forward(self, init_features):
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return flambeau.cat(features, 1)


class _Transition(nn.Sequential):
    """Fewer channels, then half the size."""

    def __init__(self, num_input_features, num_output_features):
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, 1, bias=False)
        self.pool = nn.AvgPool2d(2, 2)


class DenseNet(nn.Module):
    """Blocks of layers that see all layers before them.

    Args:
        growth_rate: channels that a layer adds.
        block_config: layers of each block.
        num_init_features: channels of the first convolution.
        bn_size: inner width of a layer, in growth rates.
        drop_rate: dropout after each layer.
        num_classes: features of the output.
        memory_efficient: compute again in the backward pass what is cheap.

    >>> net = flambeau.vision.models.DenseNet(8, (2, 2), 16, num_classes=5)
    >>> net(flambeau.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 5])
    """

    def __init__(
        self,
        growth_rate=32,
        block_config=(6, 12, 24, 16),
        num_init_features=64,
        bn_size=4,
        drop_rate=0,
        num_classes=1000,
        memory_efficient=False,
    ):
        super().__init__()
        width = num_init_features
        parts = OrderedDict(
            conv0=nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(width),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(3, 2, 1),
        )
        for i, layers in enumerate(block_config, 1):
            parts[f"denseblock{i}"] = _DenseBlock(layers, width, bn_size, growth_rate, drop_rate, memory_efficient)
            width += layers * growth_rate
            if i < len(block_config):
                parts[f"transition{i}"] = _Transition(width, width // 2)
                width //= 2
        parts["norm5"] = nn.BatchNorm2d(width)
        self.features = nn.Sequential(parts)
        self.classifier = nn.Linear(width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, x):
        x = nn.functional.relu(self.features(x), inplace=True)
        return self.classifier(nn.functional.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


def _rename(state):
    """The published files write norm.1 for norm1."""
    pattern = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
    return {pattern.sub(r"\1\2", key): value for key, value in state.items()}


def _member(layers, growth, blocks, width):
    title = f"DenseNet with {layers} layers (arXiv 1608.06993)"
    names = (f"DenseNet{layers}_Weights", f"densenet{layers}")
    return variant(title, *names, DenseNet, growth, blocks, width, rename=_rename)


DenseNet121_Weights, densenet121 = _member(121, 32, (6, 12, 24, 16), 64)
DenseNet161_Weights, densenet161 = _member(161, 48, (6, 12, 36, 24), 96)
DenseNet169_Weights, densenet169 = _member(169, 32, (6, 12, 32, 32), 64)
DenseNet201_Weights, densenet201 = _member(201, 32, (6, 12, 48, 32), 64)
