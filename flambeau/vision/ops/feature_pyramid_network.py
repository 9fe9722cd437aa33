"""Feature maps of several sizes, each told what the smaller ones know (arXiv 1612.03144)."""

from collections import OrderedDict

from flambeau import nn
from flambeau.nn import functional as F

from .misc import Conv2dNormActivation

__all__ = ["FeaturePyramidNetwork"]


class ExtraFPNBlock(nn.Module):
    """Makes further maps of (results, inputs, names); returns (results, names)."""

    def forward(self, results, x, names):
        raise NotImplementedError


class FeaturePyramidNetwork(nn.Module):
    """Feature maps with the same number of channels, from the largest on: smaller ones are enlarged and added.

    Args:
        in_channels_list: channels of the maps, from the largest map on.
        out_channels: channels of the results.
        extra_blocks: makes further results, or None.
        norm_layer: makes a normalization, or None.

    >>> fpn = flambeau.vision.ops.FeaturePyramidNetwork([4, 8], 6)
    >>> maps = OrderedDict(a=flambeau.rand(1, 4, 8, 8), b=flambeau.rand(1, 8, 4, 4))
    >>> {name: value.shape for name, value in fpn(maps).items()}
    {'a': torch.Size([1, 6, 8, 8]), 'b': torch.Size([1, 6, 4, 4])}
    """

    _version = 2  # in the first, a convolution was not inside a Sequential

    def __init__(self, in_channels_list, out_channels, extra_blocks=None, norm_layer=None):
        super().__init__()
        if any(channels == 0 for channels in in_channels_list):
            raise ValueError("in_channels=0 is currently not supported")
        self.inner_blocks, self.layer_blocks = nn.ModuleList(), nn.ModuleList()
        options = {"norm_layer": norm_layer, "activation_layer": None}
        for channels in in_channels_list:
            self.inner_blocks.append(Conv2dNormActivation(channels, out_channels, 1, padding=0, **options))
            self.layer_blocks.append(Conv2dNormActivation(out_channels, out_channels, 3, **options))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(f"extra_blocks should be of type ExtraFPNBlock not {type(extra_blocks)}")
        self.extra_blocks = extra_blocks

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        if (local_metadata.get("version") or 1) < 2:
            for i in range(len(self.inner_blocks)):
                for name in (f"{block}.{i}" for block in ("inner_blocks", "layer_blocks")):
                    for kind in ("weight", "bias"):
                        if f"{prefix}{name}.{kind}" in state_dict:
                            state_dict[f"{prefix}{name}.0.{kind}"] = state_dict.pop(f"{prefix}{name}.{kind}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def forward(self, x):
        names, maps = list(x.keys()), list(x.values())
        known = self.inner_blocks[-1](maps[-1])
        results = [self.layer_blocks[-1](known)]
        for i in range(len(maps) - 2, -1, -1):
            own = self.inner_blocks[i](maps[i])
            known = own + F.interpolate(known, size=own.shape[-2:], mode="nearest")
            results.insert(0, self.layer_blocks[i](known))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, maps, names)
        return OrderedDict(zip(names, results))


class LastLevelMaxPool(ExtraFPNBlock):
    """Every second value of the smallest result, as a further one."""

    def forward(self, x, y, names):
        return [*x, F.max_pool2d(x[-1], kernel_size=1, stride=2, padding=0)], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Two further results by convolutions with stride 2 (arXiv 1708.02002)."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        for module in (self.p6, self.p7):
            nn.init.kaiming_uniform_(module.weight, a=1)
            nn.init.zeros_(module.bias)
        self.use_P5 = in_channels == out_channels

    def forward(self, p, c, names):
        p6 = self.p6(p[-1] if self.use_P5 else c[-1])
        return [*p, p6, self.p7(F.relu(p6))], [*names, "p6", "p7"]
