"""Vision transformer (arXiv 2010.11929)."""

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import flambeau
from flambeau import nn

from ..ops.misc import MLP, Conv2dNormActivation
from ._api import settle, variant

__all__ = [
    "ViT_B_16_Weights", "ViT_B_32_Weights", "ViT_H_14_Weights", "ViT_L_16_Weights", "ViT_L_32_Weights", "VisionTransformer", "vit_b_16",
    "vit_b_32", "vit_h_14", "vit_l_16", "vit_l_32",
]  # fmt: skip


_norm = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """One convolution of a stem (arXiv 2106.14881)."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Callable = nn.BatchNorm2d
    activation_layer: Callable = nn.ReLU


class MLPBlock(MLP):
    """Two linear layers with GELU between them."""

    _version = 2  # in the first, the layers were called linear_1 and linear_2

    def __init__(self, in_dim, mlp_dim, dropout):
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        if (local_metadata.get("version") or 1) < 2:
            for place, old in ((0, "linear_1"), (3, "linear_2")):
                for kind in ("weight", "bias"):
                    if f"{prefix}{old}.{kind}" in state_dict:
                        state_dict[f"{prefix}{place}.{kind}"] = state_dict.pop(f"{prefix}{old}.{kind}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class EncoderBlock(nn.Module):
    """Attention among the patches, then two linear layers at each, both with a shortcut."""

    def __init__(
        self,
        num_heads,
        hidden_dim,
        mlp_dim,
        dropout,
        attention_dropout,
        norm_layer=_norm,
    ):
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input):
        flambeau._assert(input.dim() == 3, f"Expected (batch_size, seq_length, hidden_dim) got {input.shape}")
        x = self.ln_1(input)
        x = self.dropout(self.self_attention(x, x, x, need_weights=False)[0]) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Places are added to patches, then blocks follow each other."""

    def __init__(
        self,
        seq_length,
        num_layers,
        num_heads,
        hidden_dim,
        mlp_dim,
        dropout,
        attention_dropout,
        norm_layer=_norm,
    ):
        super().__init__()
        self.pos_embedding = nn.Parameter(flambeau.empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        block = partial(EncoderBlock, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer)
        self.layers = nn.Sequential(OrderedDict((f"encoder_layer_{i}", block()) for i in range(num_layers)))
        self.ln = norm_layer(hidden_dim)

    def forward(self, input):
        flambeau._assert(input.dim() == 3, f"Expected (batch_size, seq_length, hidden_dim) got {input.shape}")
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


def _stem(config, hidden_dim):
    stem, width = nn.Sequential(), 3
    for i, layer in enumerate(config):
        stem.add_module(
            f"conv_bn_relu_{i}",
            Conv2dNormActivation(
                width,
                layer.out_channels,
                layer.kernel_size,
                layer.stride,
                norm_layer=layer.norm_layer,
                activation_layer=layer.activation_layer,
            ),
        )
        width = layer.out_channels
    stem.add_module("conv_last", nn.Conv2d(width, hidden_dim, kernel_size=1))
    return stem


class VisionTransformer(nn.Module):
    """A transformer on the patches of a picture.

    Args:
        image_size: side of the pictures.
        patch_size: side of a patch, which divides image_size.
        num_layers, num_heads, hidden_dim, mlp_dim: of the transformer.
        dropout, attention_dropout: probabilities.
        num_classes: features of the output.
        representation_size: width of a further layer with tanh before the last, or None.
        norm_layer: makes a normalization.
        conv_stem_configs: convolutions instead of one linear map of each patch.

    >>> net = flambeau.vision.models.VisionTransformer(32, 8, 1, 2, 16, 32, num_classes=3)
    >>> net(flambeau.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        image_size,
        patch_size,
        num_layers,
        num_heads,
        hidden_dim,
        mlp_dim,
        dropout=0.0,
        attention_dropout=0.0,
        num_classes=1000,
        representation_size=None,
        norm_layer=_norm,
        conv_stem_configs=None,
    ):
        super().__init__()
        if image_size % patch_size:
            raise AssertionError(f"Input shape indivisible by patch size! {image_size} % {patch_size} != 0")
        self.image_size, self.patch_size, self.hidden_dim, self.mlp_dim = image_size, patch_size, hidden_dim, mlp_dim
        self.attention_dropout, self.dropout, self.num_classes = attention_dropout, dropout, num_classes
        self.representation_size, self.norm_layer = representation_size, norm_layer
        if conv_stem_configs is None:
            self.conv_proj = nn.Conv2d(3, hidden_dim, kernel_size=patch_size, stride=patch_size)
        else:
            self.conv_proj = _stem(conv_stem_configs, hidden_dim)
        self.class_token = nn.Parameter(flambeau.zeros(1, 1, hidden_dim))
        self.seq_length = (image_size // patch_size) ** 2 + 1
        rest = (dropout, attention_dropout, norm_layer)
        self.encoder = Encoder(self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, *rest)
        heads = OrderedDict()
        if representation_size is not None:
            heads["pre_logits"] = nn.Linear(hidden_dim, representation_size)
            heads["act"] = nn.Tanh()
        heads["head"] = nn.Linear(hidden_dim if representation_size is None else representation_size, num_classes)
        self.heads = nn.Sequential(heads)
        self._draw()

    def _draw(self):
        if isinstance(self.conv_proj, nn.Conv2d):
            fan_in = self.conv_proj.in_channels * math.prod(self.conv_proj.kernel_size)
            nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / fan_in))
            nn.init.zeros_(self.conv_proj.bias)
        else:
            last = self.conv_proj.conv_last
            nn.init.normal_(last.weight, mean=0.0, std=math.sqrt(2.0 / last.out_channels))
            nn.init.zeros_(last.bias)
        if hasattr(self.heads, "pre_logits"):
            inner = self.heads.pre_logits
            nn.init.trunc_normal_(inner.weight, std=math.sqrt(1 / inner.in_features))
            nn.init.zeros_(inner.bias)
        nn.init.zeros_(self.heads.head.weight)
        nn.init.zeros_(self.heads.head.bias)

    def _process_input(self, x):
        for side, found in (("height", x.shape[2]), ("width", x.shape[3])):
            text = f"Wrong image {side}! Expected {self.image_size} but got {found}!"
            flambeau._assert(found == self.image_size, text)
        return self.conv_proj(x).flatten(2).permute(0, 2, 1)

    def forward(self, x):
        x = self._process_input(x)
        x = flambeau.cat([self.class_token.expand(x.shape[0], -1, -1), x], 1)
        return self.heads(self.encoder(x)[:, 0])


def interpolate_embeddings(image_size, patch_size, model_state, interpolation_mode="bicubic", reset_heads=False):
    """The state dict of a model for pictures of another size: places are interpolated.

    Args:
        image_size, patch_size: of the new model.
        model_state: state dict of the old one.
        interpolation_mode: as in flambeau.nn.functional.interpolate.
        reset_heads: leave out the last layers.
    """
    key = "encoder.pos_embedding"
    places = model_state[key]
    count, length, dim = places.shape
    if count != 1:
        raise ValueError(f"Unexpected position embedding shape: {places.shape}")
    side = image_size // patch_size
    if side * side + 1 == length:
        return model_state
    before = math.isqrt(length - 1)
    if before * before != length - 1:
        raise ValueError(f"seq_length - 1 is not a perfect square: {length - 1}")
    grid = places[:, 1:].permute(0, 2, 1).reshape(1, dim, before, before)
    grid = nn.functional.interpolate(grid, size=side, mode=interpolation_mode, align_corners=True)
    model_state[key] = flambeau.cat([places[:, :1], grid.reshape(1, dim, side * side).permute(0, 2, 1)], 1)
    if reset_heads:
        return OrderedDict((k, v) for k, v in model_state.items() if not k.startswith("heads"))
    return model_state


def _vit(patch, settings, **kwargs):
    kwargs.setdefault("image_size", 224)
    return VisionTransformer(patch_size=patch, **settings, **kwargs)


def _adapt(weights, kwargs):
    settle(kwargs, "image_size", weights.meta["min_size"][0])


_SIZES = {
    "b": {"num_layers": 12, "num_heads": 12, "hidden_dim": 768, "mlp_dim": 3072},
    "l": {"num_layers": 24, "num_heads": 16, "hidden_dim": 1024, "mlp_dim": 4096},
    "h": {"num_layers": 32, "num_heads": 16, "hidden_dim": 1280, "mlp_dim": 5120},
}


def _member(size, patch):
    names = (f"ViT_{size.upper()}_{patch}_Weights", f"vit_{size}_{patch}")
    title = f"Vision transformer {size.upper()} on patches of {patch}x{patch} (arXiv 2010.11929)"
    return variant(title, *names, _vit, patch, _SIZES[size], adapt=_adapt)


ViT_B_16_Weights, vit_b_16 = _member("b", 16)
ViT_B_32_Weights, vit_b_32 = _member("b", 32)
ViT_L_16_Weights, vit_l_16 = _member("l", 16)
ViT_L_32_Weights, vit_l_32 = _member("l", 32)
ViT_H_14_Weights, vit_h_14 = _member("h", 14)
