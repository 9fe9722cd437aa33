"""The transformer of Vaswani et al., 2017."""

import copy

import flambeau
from flambeau.nn import functional as F
from flambeau.nn.init import xavier_uniform_

from .attention import MultiheadAttention
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]


def _generate_square_subsequent_mask(sz, device=None, dtype=None):
    """Minus infinity above the diagonal, 0 elsewhere."""
    return flambeau.triu(flambeau.full((sz, sz), float("-inf"), dtype=dtype, device=device), diagonal=1)


def _detect_is_causal_mask(mask, is_causal=None, size=None):
    """Whether a mask is the causal one; `is_causal`, if given, is believed."""
    if is_causal is not None or mask is None:
        return is_causal is True
    size = mask.shape[-2] if size is None else size
    causal = _generate_square_subsequent_mask(size, device=mask.device, dtype=mask.dtype)
    return mask.shape == causal.shape and bool((mask == causal).all())


def _get_activation_fn(activation):
    if activation == "relu":
        return F.relu
    if activation == "gelu":
        return F.gelu
    raise RuntimeError(f"activation should be relu/gelu, not {activation}")


def _get_clones(module, n):
    return ModuleList([copy.deepcopy(module) for _ in range(n)])


def _canonical(mask, dtype):
    """A mask that is added: minus infinity where a boolean one is True."""
    if mask is None or mask.is_floating_point():
        return mask
    if mask.dtype != flambeau.bool:
        raise AssertionError("only bool and floating types of masks are supported")
    return flambeau.zeros_like(mask, dtype=dtype).masked_fill_(mask, float("-inf"))


class Transformer(Module):
    """An encoder and a decoder.

    Args:
        d_model: size of the features.
        nhead: number of heads.
        num_encoder_layers, num_decoder_layers: number of layers.
        dim_feedforward: inner size of the feed-forward part.
        dropout: probability to drop an element.
        activation: "relu", "gelu" or a function.
        custom_encoder, custom_decoder: modules to use instead.
        layer_norm_eps: eps of the LayerNorms.
        batch_first: (N, S, E) instead of (S, N, E).
        norm_first: normalise before attention and feed-forward rather than after.
        bias: whether linear layers and norms have biases.

    Shape:
        src (S, N, E), tgt (T, N, E), to (T, N, E).

    Example::

        >>> model = flambeau.nn.Transformer(16, 2, 1, 1, 32, batch_first=True)
        >>> model(flambeau.ones(3, 5, 16), flambeau.ones(3, 4, 16)).shape
        torch.Size([3, 4, 16])
    """

    def __init__(
        self,
        d_model=512,
        nhead=8,
        num_encoder_layers=6,
        num_decoder_layers=6,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        custom_encoder=None,
        custom_decoder=None,
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        bias=True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        where = {"device": device, "dtype": dtype}
        layer = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        if custom_encoder is None:
            first = TransformerEncoderLayer(*layer, **where)
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where)
            custom_encoder = TransformerEncoder(first, num_encoder_layers, norm)
        self.encoder = custom_encoder
        if custom_decoder is None:
            first = TransformerDecoderLayer(*layer, **where)
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where)
            custom_decoder = TransformerDecoder(first, num_decoder_layers, norm)
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self,
        src,
        tgt,
        src_mask=None,
        tgt_mask=None,
        memory_mask=None,
        src_key_padding_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        src_is_causal=None,
        tgt_is_causal=None,
        memory_is_causal=False,
    ):
        """Encodes src and decodes tgt with it.

        Args:
            src, tgt: see the class.
            src_mask, tgt_mask, memory_mask: attention masks (S, S), (T, T), (T, S).
            src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask: (N, S), (N, T), (N, S), True where a
                place is to be ignored.
            src_is_causal, tgt_is_causal, memory_is_causal: hints that a mask is the causal one.
        """
        batch = 0 if self.batch_first else 1
        if src.dim() == 3 and src.shape[batch] != tgt.shape[batch]:
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz, device=None, dtype=None):
        """The causal mask: minus infinity above the diagonal, 0 elsewhere.

        Example::

            >>> flambeau.nn.Transformer.generate_square_subsequent_mask(2)
            tensor([[0., -inf],
                    [0., 0.]])
        """
        return _generate_square_subsequent_mask(sz, device, dtype)

    def _reset_parameters(self):
        for parameter in self.parameters():
            if parameter.dim() > 1:
                xavier_uniform_(parameter)


class TransformerEncoder(Module):
    """Copies of an encoder layer, one after the other.

    Args:
        encoder_layer: the layer to copy.
        num_layers: number of copies.
        norm: a module for the result, or None.
        enable_nested_tensor: where no gradients are recorded, places that src_key_padding_mask hides get zeros (before
            `norm`), as they do in layers that PyTorch has a fast path for.
        mask_check: do that only if all hidden places come last.

    Example::

        >>> layer = flambeau.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        >>> flambeau.nn.TransformerEncoder(layer, 2)(flambeau.ones(3, 5, 16)).shape
        torch.Size([3, 5, 16])
    """

    def __init__(self, encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True):
        super().__init__()
        self.layers = _get_clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.use_nested_tensor = bool(
            enable_nested_tensor and _has_fast_path(encoder_layer) and not encoder_layer.norm_first
        )
        self.mask_check = mask_check

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
        """Runs the layers; arguments as for `TransformerEncoderLayer`."""
        src_key_padding_mask = _canonical(src_key_padding_mask, src.dtype)
        mask = _canonical(mask, src.dtype)
        is_causal = _detect_is_causal_mask(mask, is_causal, _length(src, self.layers))
        hidden = self._hidden(src, mask, src_key_padding_mask)
        for layer in self.layers:
            src = layer(src, src_mask=mask, is_causal=is_causal, src_key_padding_mask=src_key_padding_mask)
        if hidden is not None:
            src = src.masked_fill(hidden, 0.0)
        return src if self.norm is None else self.norm(src)

    def _hidden(self, src, mask, padding):
        """The places (N, S, 1) that get zeros, or None."""
        if padding is None or mask is not None or not self.use_nested_tensor or src.dim() != 3:
            return None
        if not _is_inference(self.layers[0], src):
            return None
        hidden = padding != 0
        if self.mask_check and bool((hidden[:, :-1] & ~hidden[:, 1:]).any()):
            return None
        return hidden.unsqueeze(-1)


def _has_fast_path(layer):
    """Whether PyTorch has a fused inference for a layer like this."""
    if not isinstance(layer, TransformerEncoderLayer):
        return False
    attention = layer.self_attn
    plain = attention.batch_first and attention._qkv_same_embed_dim and attention.in_proj_bias is not None
    activation = getattr(layer, "activation_relu_or_gelu", 0)
    even = attention.num_heads % 2 == 0 and layer.norm1.eps == layer.norm2.eps
    return bool(plain and activation and even)


def _is_inference(layer, src):
    """Whether nothing records gradients, drops elements or casts."""
    if layer.training or flambeau.is_autocast_enabled("cpu"):
        return False
    return not (flambeau.is_grad_enabled() and any(t.requires_grad for t in (src, *layer.parameters())))


def _activation_number(activation):
    """1 for relu, 2 for gelu, 0 for other functions."""
    if activation is F.relu or isinstance(activation, flambeau.nn.ReLU):
        return 1
    return 2 if activation is F.gelu or isinstance(activation, flambeau.nn.GELU) else 0


def _length(x, layers):
    """The length of the sequences that go into the layers."""
    if x.dim() == 2:
        return x.shape[0]
    attention = getattr(layers[0], "self_attn", None) if len(layers) else None
    return x.shape[1 if getattr(attention, "batch_first", False) else 0]


class TransformerDecoder(Module):
    """Copies of a decoder layer, one after the other.

    Args:
        decoder_layer: the layer to copy.
        num_layers: number of copies.
        norm: a module for the result, or None.

    Example::

        >>> layer = flambeau.nn.TransformerDecoderLayer(16, 2, 32, batch_first=True)
        >>> decoder = flambeau.nn.TransformerDecoder(layer, 2)
        >>> decoder(flambeau.ones(3, 5, 16), flambeau.ones(3, 7, 16)).shape
        torch.Size([3, 5, 16])
    """

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__()
        self.layers = _get_clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal=None,
        memory_is_causal=False,
    ):
        """Runs the layers; arguments as for `TransformerDecoderLayer`."""
        tgt_is_causal = _detect_is_causal_mask(tgt_mask, tgt_is_causal, _length(tgt, self.layers))
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=tgt_is_causal,
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class TransformerEncoderLayer(Module):
    """Self-attention and a feed-forward part, each with a residual connection and a LayerNorm.

    Args:
        d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias: see
            `Transformer`.

    Shape:
        src (S, N, E), (N, S, E) with batch_first, or (S, E); src_mask (S, S); src_key_padding_mask (N, S).

    Example::

        >>> flambeau.nn.TransformerEncoderLayer(16, 2, 32)(flambeau.ones(5, 3, 16)).shape
        torch.Size([5, 3, 16])
    """

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        bias=True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        where = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias=bias, batch_first=batch_first, **where)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **where)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **where)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _get_activation_fn(activation) if isinstance(activation, str) else activation
        self.activation_relu_or_gelu = _activation_number(self.activation)

    def __setstate__(self, state):
        super().__setstate__(state)
        if not hasattr(self, "activation"):
            self.activation = F.relu

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        src_key_padding_mask = _canonical(src_key_padding_mask, src.dtype)
        src_mask = _canonical(src_mask, src.dtype)
        if is_causal and src_mask is None and src.dim() == 3 and _has_fast_path(self) and _is_inference(self, src):
            is_causal = False  # the hint needs no mask there
        attend = self._sa_block
        x = src
        if self.norm_first:
            x = x + attend(self.norm1(x), src_mask, src_key_padding_mask, is_causal)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + attend(x, src_mask, src_key_padding_mask, is_causal))
        return self.norm2(x + self._ff_block(x))

    def _sa_block(self, x, attn_mask, key_padding_mask, is_causal=False):
        x = self.self_attn(
            x, x, x, attn_mask=attn_mask, key_padding_mask=key_padding_mask, need_weights=False, is_causal=is_causal
        )[0]
        return self.dropout1(x)

    def _ff_block(self, x):
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerDecoderLayer(Module):
    """Self-attention, attention to the encoder's result and a feed-forward part, each with residual and LayerNorm.

    Args:
        d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias: see
            `Transformer`.

    Shape:
        tgt (T, N, E) and memory (S, N, E), batch first with batch_first, or without N; masks as for `Transformer`.

    Example::

        >>> layer = flambeau.nn.TransformerDecoderLayer(16, 2, 32)
        >>> layer(flambeau.ones(4, 3, 16), flambeau.ones(5, 3, 16)).shape
        torch.Size([4, 3, 16])
    """

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        bias=True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        where = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias=bias, batch_first=batch_first, **where)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias=bias, batch_first=batch_first, **where)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **where)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **where)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where)
        self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _get_activation_fn(activation) if isinstance(activation, str) else activation

    def __setstate__(self, state):
        super().__setstate__(state)
        if not hasattr(self, "activation"):
            self.activation = F.relu

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal=False,
        memory_is_causal=False,
    ):
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory_mask, memory_key_padding_mask, memory_is_causal)
        x = tgt
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *own)
            x = x + self._mha_block(self.norm2(x), memory, *other)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, *own))
        x = self.norm2(x + self._mha_block(x, memory, *other))
        return self.norm3(x + self._ff_block(x))

    def _sa_block(self, x, attn_mask, key_padding_mask, is_causal=False):
        x = self.self_attn(
            x, x, x, attn_mask=attn_mask, key_padding_mask=key_padding_mask, is_causal=is_causal, need_weights=False
        )[0]
        return self.dropout1(x)

    def _mha_block(self, x, mem, attn_mask, key_padding_mask, is_causal=False):
        x = self.multihead_attn(
            x, mem, mem, attn_mask=attn_mask, key_padding_mask=key_padding_mask, is_causal=is_causal, need_weights=False
        )[0]
        return self.dropout2(x)

    def _ff_block(self, x):
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))
