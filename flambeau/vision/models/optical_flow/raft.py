"""RAFT (arXiv 2003.12039)."""

import math

import flambeau
from flambeau import nn
from flambeau.nn import functional as F

from ...ops import Conv2dNormActivation
from .._api import variant
from ._utils import grid_sample, make_coords_grid, upsample_flow

__all__ = ["RAFT", "Raft_Large_Weights", "Raft_Small_Weights", "raft_large", "raft_small"]


def _conv(before, after, kernel_size, norm_layer=None, stride=1, **options):
    return Conv2dNormActivation(before, after, kernel_size, stride, norm_layer=norm_layer, bias=True, **options)


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, in_channels, out_channels, *, norm_layer, stride=1, always_project=False):
        super().__init__()
        self.convnormrelu1 = _conv(in_channels, out_channels, 3, norm_layer, stride)
        self.convnormrelu2 = _conv(out_channels, out_channels, 3, norm_layer)
        self.downsample = nn.Identity()
        if stride != 1 or always_project:
            self.downsample = _conv(in_channels, out_channels, 1, norm_layer, stride, activation_layer=None)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.convnormrelu2(self.convnormrelu1(x))
        return self.relu(self.downsample(x) + out)


class BottleneckBlock(nn.Module):
    """A convolution between two of 1x1, and a shortcut."""

    def __init__(self, in_channels, out_channels, *, norm_layer, stride=1):
        super().__init__()
        inner = out_channels // 4
        self.convnormrelu1 = _conv(in_channels, inner, 1, norm_layer)
        self.convnormrelu2 = _conv(inner, inner, 3, norm_layer, stride)
        self.convnormrelu3 = _conv(inner, out_channels, 1, norm_layer)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Identity()
        if stride != 1:
            self.downsample = _conv(in_channels, out_channels, 1, norm_layer, stride, activation_layer=None)

    def forward(self, x):
        out = self.convnormrelu3(self.convnormrelu2(self.convnormrelu1(x)))
        return self.relu(self.downsample(x) + out)


class FeatureEncoder(nn.Module):
    """Features of pictures, an eighth as large."""

    def __init__(
        self,
        *,
        block=ResidualBlock,
        layers=(64, 64, 96, 128, 256),
        strides=(2, 1, 2, 2),
        norm_layer=nn.BatchNorm2d,
    ):
        super().__init__()
        if len(layers) != 5:
            raise ValueError(f"The expected number of layers is 5, instead got {len(layers)}")
        self.convnormrelu = _conv(3, layers[0], 7, norm_layer, strides[0])
        for i in (1, 2, 3):
            first = block(layers[i - 1], layers[i], norm_layer=norm_layer, stride=strides[i])
            second = block(layers[i], layers[i], norm_layer=norm_layer, stride=1)
            setattr(self, f"layer{i}", nn.Sequential(first, second))
        self.conv = nn.Conv2d(layers[3], layers[4], kernel_size=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.output_dim = layers[-1]
        self.downsample_factor = 2 ** sum(stride == 2 for stride in strides)

    def forward(self, x):
        return self.conv(self.layer3(self.layer2(self.layer1(self.convnormrelu(x)))))


class MotionEncoder(nn.Module):
    """Features of the flow and of how alike the pictures are there."""

    def __init__(self, *, in_channels_corr, corr_layers=(256, 192), flow_layers=(128, 64), out_channels=128):
        super().__init__()
        if len(flow_layers) != 2 or len(corr_layers) not in (1, 2):
            raise ValueError("The number of layers of the flow should be 2, that of the correlations 1 or 2")
        self.convcorr1 = _conv(in_channels_corr, corr_layers[0], 1)
        self.convcorr2 = _conv(*corr_layers, 3) if len(corr_layers) == 2 else nn.Identity()
        self.convflow1 = _conv(2, flow_layers[0], 7)
        self.convflow2 = _conv(*flow_layers, 3)
        self.conv = _conv(corr_layers[-1] + flow_layers[-1], out_channels - 2, 3)
        self.out_channels = out_channels

    def forward(self, flow, corr_features):
        alike = self.convcorr2(self.convcorr1(corr_features))
        moved = self.convflow2(self.convflow1(flow))
        return flambeau.cat([self.conv(flambeau.cat([alike, moved], dim=1)), flow], dim=1)


class ConvGRU(nn.Module):
    """A GRU of convolutions."""

    def __init__(self, *, input_size, hidden_size, kernel_size, padding):
        super().__init__()
        for name in ("convz", "convr", "convq"):
            conv = nn.Conv2d(hidden_size + input_size, hidden_size, kernel_size=kernel_size, padding=padding)
            setattr(self, name, conv)

    def forward(self, h, x):
        both = flambeau.cat([h, x], dim=1)
        z, r = self.convz(both).sigmoid(), self.convr(both).sigmoid()
        q = self.convq(flambeau.cat([r * h, x], dim=1)).tanh()
        return (1 - z) * h + z * q


def _pass_through_h(h, _):
    return h


class RecurrentBlock(nn.Module):
    """One or two GRUs of convolutions."""

    def __init__(self, *, input_size, hidden_size, kernel_size=((1, 5), (5, 1)), padding=((0, 2), (2, 0))):
        super().__init__()
        if len(kernel_size) != len(padding) or len(kernel_size) not in (1, 2):
            raise ValueError("kernel_size should have the length of padding, 1 or 2")
        sizes = {"input_size": input_size, "hidden_size": hidden_size}
        self.convgru1 = ConvGRU(kernel_size=kernel_size[0], padding=padding[0], **sizes)
        self.convgru2 = _pass_through_h
        if len(kernel_size) == 2:
            self.convgru2 = ConvGRU(kernel_size=kernel_size[1], padding=padding[1], **sizes)
        self.hidden_size = hidden_size

    def forward(self, h, x):
        return self.convgru2(self.convgru1(h, x), x)


class FlowHead(nn.Module):
    """How the flow changes."""

    def __init__(self, *, in_channels, hidden_size):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, hidden_size, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden_size, 2, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.conv2(self.relu(self.conv1(x)))


class UpdateBlock(nn.Module):
    """One step of the flow."""

    def __init__(self, *, motion_encoder, recurrent_block, flow_head):
        super().__init__()
        self.motion_encoder, self.recurrent_block, self.flow_head = motion_encoder, recurrent_block, flow_head
        self.hidden_state_size = recurrent_block.hidden_size

    def forward(self, hidden_state, context, corr_features, flow):
        x = flambeau.cat([context, self.motion_encoder(flow, corr_features)], dim=1)
        hidden_state = self.recurrent_block(hidden_state, x)
        return hidden_state, self.flow_head(hidden_state)


class MaskPredictor(nn.Module):
    """Weights with which the flow is enlarged."""

    def __init__(self, *, in_channels, hidden_size, multiplier=0.25):
        super().__init__()
        self.convrelu = _conv(in_channels, hidden_size, 3)
        self.conv = nn.Conv2d(hidden_size, 8 * 8 * 9, 1, padding=0)
        self.multiplier = multiplier

    def forward(self, x):
        return self.multiplier * self.conv(self.convrelu(x))


class CorrBlock(nn.Module):
    """How alike each place of a picture is to all places of another, in several sizes."""

    def __init__(self, *, num_levels=4, radius=4):
        super().__init__()
        self.num_levels, self.radius = num_levels, radius
        self.corr_pyramid = [flambeau.tensor(0)]
        self.out_channels = num_levels * (2 * radius + 1) ** 2

    def build_pyramid(self, fmap1, fmap2):
        """Products of all pairs, and means over larger areas of the second picture."""
        if fmap1.shape != fmap2.shape:
            raise ValueError(
                f"Input feature maps should have the same shape, instead got {fmap1.shape} and {fmap2.shape}"
            )
        least = 2 * 2 ** (self.num_levels - 1)
        if min(fmap1.shape[-2:]) < least:
            raise ValueError(
                f"Feature maps are too small to be down-sampled by the correlation pyramid. H and W should be at least "
                f"{least}, got {tuple(fmap1.shape[-2:])}: pictures should be at least {8 * least} pixels high and wide"
            )
        batch, channels, height, width = fmap1.shape
        products = fmap1.reshape(batch, channels, -1).transpose(1, 2) @ fmap2.reshape(batch, channels, -1)
        volume = products.reshape(batch * height * width, 1, height, width) / math.sqrt(channels)
        self.corr_pyramid = [volume]
        for _ in range(self.num_levels - 1):
            volume = F.avg_pool2d(volume, kernel_size=2, stride=2)
            self.corr_pyramid.append(volume)

    def index_pyramid(self, centroids_coords):
        """(B, out_channels, h, w): values around places (B, 2, h, w), in all sizes."""
        batch, _, height, width = centroids_coords.shape
        offsets = flambeau.linspace(-self.radius, self.radius, 2 * self.radius + 1)
        around = flambeau.stack(flambeau.meshgrid(offsets, offsets, indexing="ij"), dim=-1)[None]
        middles = centroids_coords.permute(0, 2, 3, 1).reshape(-1, 1, 1, 2)
        found = []
        for volume in self.corr_pyramid:
            values = grid_sample(volume, middles + around, align_corners=True, mode="bilinear")
            found.append(values.reshape(batch, height, width, -1))
            middles = middles / 2
        return flambeau.cat(found, dim=-1).permute(0, 3, 1, 2).contiguous()


class RAFT(nn.Module):
    """Where each pixel of a picture is in another: a flow that is improved step by step.

    Args:
        feature_encoder, context_encoder: features of both pictures, and of the first.
        corr_block: how alike places are.
        update_block: one step.
        mask_predictor: weights for enlarging the flow; it is interpolated if None.

    The module takes two pictures (N, 3, H, W) and the number of steps, and returns the flow (N, 2, H, W) after each.

    >>> net = flambeau.vision.models.optical_flow.raft_small()
    >>> with flambeau.no_grad():
    ...     flows = net(flambeau.rand(1, 3, 128, 128), flambeau.rand(1, 3, 128, 128), num_flow_updates=2)
    >>> len(flows), flows[0].shape
    (2, torch.Size([1, 2, 128, 128]))
    """

    def __init__(self, *, feature_encoder, context_encoder, corr_block, update_block, mask_predictor=None):
        super().__init__()
        self.feature_encoder, self.context_encoder = feature_encoder, context_encoder
        self.corr_block, self.update_block = corr_block, update_block
        self.mask_predictor = mask_predictor
        if not hasattr(self.update_block, "hidden_state_size"):
            raise ValueError("The update_block parameter should expose a 'hidden_state_size' attribute.")

    def _check(self, image1, image2):
        if image1.shape[-2:] != image2.shape[-2:]:
            raise ValueError(f"input images should have the same shape, instead got {image1.shape} and {image2.shape}")
        height, width = image1.shape[-2:]
        if height % 8 or width % 8:
            raise ValueError(f"input image H and W should be divisible by 8, instead got {height} (h) and {width} (w)")

    def forward(self, image1, image2, num_flow_updates=12):
        self._check(image1, image2)
        batch, _, height, width = image1.shape
        maps = self.feature_encoder(flambeau.cat([image1, image2], dim=0))
        self.corr_block.build_pyramid(*maps.chunk(2, dim=0))
        found = self.context_encoder(image1)
        hidden_size = self.update_block.hidden_state_size
        hidden, context = found[:, :hidden_size].tanh(), F.relu(found[:, hidden_size:])
        start = make_coords_grid(batch, height // 8, width // 8).to(maps.dtype)
        places, flows = start, []
        for _ in range(num_flow_updates):
            places = places.detach()  # each step learns from its own change only
            alike = self.corr_block.index_pyramid(places)
            hidden, change = self.update_block(hidden, context, alike, places - start)
            places = places + change
            weights = None if self.mask_predictor is None else self.mask_predictor(hidden)
            flows.append(upsample_flow(flow=places - start, up_mask=weights))
        return flows


_LARGE = {
    "layers": ((64, 64, 96, 128, 256), (64, 64, 96, 128, 256)),
    "block": ResidualBlock,
    "context_norm": nn.BatchNorm2d,
    "radius": 4,
    "motion": {"corr_layers": (256, 192), "flow_layers": (128, 64), "out_channels": 128},
    "recurrent": {"hidden_size": 128, "kernel_size": ((1, 5), (5, 1)), "padding": ((0, 2), (2, 0))},
    "head": 256,
    "masked": True,
}
_SMALL = {
    "layers": ((32, 32, 64, 96, 128), (32, 32, 64, 96, 160)),
    "block": BottleneckBlock,
    "context_norm": None,
    "radius": 3,
    "motion": {"corr_layers": (96,), "flow_layers": (64, 32), "out_channels": 82},
    "recurrent": {"hidden_size": 96, "kernel_size": (3,), "padding": (1,)},
    "head": 128,
    "masked": False,
}


def _raft(table, **kwargs):
    """A RAFT by its table; parts may be given."""
    parts = {}
    norms = (nn.InstanceNorm2d, table["context_norm"])
    for name, layers, norm in zip(("feature_encoder", "context_encoder"), table["layers"], norms):
        parts[name] = kwargs.pop(name, None) or FeatureEncoder(block=table["block"], layers=layers, norm_layer=norm)
    corr = kwargs.pop("corr_block", None) or CorrBlock(num_levels=4, radius=table["radius"])
    hidden = table["recurrent"]["hidden_size"]
    update = kwargs.pop("update_block", None)
    if update is None:
        motion = MotionEncoder(in_channels_corr=corr.out_channels, **table["motion"])
        size = motion.out_channels + table["layers"][1][-1] - hidden
        recurrent = RecurrentBlock(input_size=size, **table["recurrent"])
        head = FlowHead(in_channels=hidden, hidden_size=table["head"])
        update = UpdateBlock(motion_encoder=motion, recurrent_block=recurrent, flow_head=head)
    mask = kwargs.pop("mask_predictor", None)
    if mask is None and table["masked"]:
        mask = MaskPredictor(in_channels=hidden, hidden_size=256, multiplier=0.25)
    return RAFT(**parts, corr_block=corr, update_block=update, mask_predictor=mask, **kwargs)


Raft_Large_Weights, raft_large = variant("RAFT (arXiv 2003.12039)", "Raft_Large_Weights", "raft_large", _raft, _LARGE)
Raft_Small_Weights, raft_small = variant(
    "RAFT, the small one (arXiv 2003.12039)", "Raft_Small_Weights", "raft_small", _raft, _SMALL
)
