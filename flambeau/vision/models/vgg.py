"""VGG (arXiv 1409.1556)."""

from flambeau import nn

from ._api import variant

__all__ = [
    "VGG", "VGG11_BN_Weights", "VGG11_Weights", "VGG13_BN_Weights", "VGG13_Weights", "VGG16_BN_Weights", "VGG16_Weights",
    "VGG19_BN_Weights", "VGG19_Weights", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn",
]  # fmt: skip


class VGG(nn.Module):
    """3x3 convolutions between poolings, then three linear layers.

    Args:
        features: the convolutions, with 512 channels at the end.
        num_classes: features of the output.
        init_weights: draw new weights as in the paper's later versions.
        dropout: probability before the linear layers.

    >>> flambeau.vision.models.VGG(nn.Identity(), num_classes=2, init_weights=False).classifier[-1]
    Linear(in_features=4096, out_features=2, bias=True)
    """

    def __init__(self, features, num_classes=1000, init_weights=True, dropout=0.5):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            for module in self.modules():
                _draw(module)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _draw(module):
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def _stages(*repeats):
    """Channels layer by layer, "M" for a pooling."""
    return [x for n, width in zip(repeats, (64, 128, 256, 512, 512)) for x in (*[width] * n, "M")]


cfgs = {
    "A": _stages(1, 1, 2, 2, 2),
    "B": _stages(2, 2, 2, 2, 2),
    "D": _stages(2, 2, 3, 3, 3),
    "E": _stages(2, 2, 4, 4, 4),
}


def make_layers(cfg, batch_norm=False):
    """The convolutions that a list of channels and "M" describes."""
    layers, width = [], 3
    for item in cfg:
        if item == "M":
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers.append(nn.Conv2d(width, item, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(item))
        layers.append(nn.ReLU(inplace=True))
        width = item
    return nn.Sequential(*layers)


def _vgg(cfg, batch_norm, **kwargs):
    return VGG(make_layers(cfgs[cfg], batch_norm), **kwargs)


def _member(depth, cfg, batch_norm):
    ending = ("_BN_Weights", "_bn") if batch_norm else ("_Weights", "")
    title = f"VGG with {depth} layers{' and batch normalization' if batch_norm else ''} (arXiv 1409.1556)"
    return variant(title, f"VGG{depth}{ending[0]}", f"vgg{depth}{ending[1]}", _vgg, cfg, batch_norm, adapt=_adapt)


def _adapt(weights, kwargs):
    kwargs["init_weights"] = False


VGG11_Weights, vgg11 = _member(11, "A", False)
VGG11_BN_Weights, vgg11_bn = _member(11, "A", True)
VGG13_Weights, vgg13 = _member(13, "B", False)
VGG13_BN_Weights, vgg13_bn = _member(13, "B", True)
VGG16_Weights, vgg16 = _member(16, "D", False)
VGG16_BN_Weights, vgg16_bn = _member(16, "D", True)
VGG19_Weights, vgg19 = _member(19, "E", False)
VGG19_BN_Weights, vgg19_bn = _member(19, "E", True)
