"""Multi-head attention."""

import flambeau
from flambeau.nn import functional as F
from flambeau.nn import init
from flambeau.nn.parameter import Parameter

from .linear import NonDynamicallyQuantizableLinear
from .module import Module

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """concat_h softmax(Q_h K_h^T / sqrt(d)) V_h, projected (Vaswani et al., 2017).

    Args:
        embed_dim: size of queries and results; num_heads divides it.
        num_heads: number of heads.
        dropout: probability to drop an attention weight, in training.
        bias: whether the projections have biases.
        add_bias_kv: add a learned key and value at the end of the sequence.
        add_zero_attn: add a key and value of zeros.
        kdim, vdim: sizes of keys and values, if they differ from embed_dim.
        batch_first: (N, L, E) instead of (L, N, E).

    Shape:
        query (L, N, E) or (L, E), key (S, N, kdim), value (S, N, vdim); result (L, N, E) and weights (N, L, S), or
        (N, heads, L, S) if they are not averaged.

    Example::

        >>> attention = flambeau.nn.MultiheadAttention(8, 2, batch_first=True)
        >>> x = flambeau.ones(4, 5, 8)
        >>> result, weights = attention(x, x, x)
        >>> result.shape, weights.shape
        (torch.Size([4, 5, 8]), torch.Size([4, 5, 5]))
    """

    def __init__(
        self,
        embed_dim,
        num_heads,
        dropout=0.0,
        bias=True,
        add_bias_kv=False,
        add_zero_attn=False,
        kdim=None,
        vdim=None,
        batch_first=False,
        device=None,
        dtype=None,
    ):
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        self._make_parameters(bias, add_bias_kv, {"device": device, "dtype": dtype})
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _make_parameters(self, bias, add_bias_kv, where):
        e = self.embed_dim
        shapes = {"q_proj_weight": (e, e), "k_proj_weight": (e, self.kdim), "v_proj_weight": (e, self.vdim)}
        if self._qkv_same_embed_dim:
            self.in_proj_weight = Parameter(flambeau.empty((3 * e, e), **where))
            for name in shapes:
                self.register_parameter(name, None)
        else:
            for name, shape in shapes.items():
                setattr(self, name, Parameter(flambeau.empty(shape, **where)))
            self.register_parameter("in_proj_weight", None)
        self.register_parameter("in_proj_bias", Parameter(flambeau.empty(3 * e, **where)) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(e, e, bias=bias, **where)
        for name in ("bias_k", "bias_v"):
            if add_bias_kv:
                setattr(self, name, Parameter(flambeau.empty((1, 1, e), **where)))
            else:
                setattr(self, name, None)

    def _reset_parameters(self):
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            weight = getattr(self, name)
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        if self.bias_k is not None:
            init.xavier_normal_(self.bias_k)
        if self.bias_v is not None:
            init.xavier_normal_(self.bias_v)

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault("_qkv_same_embed_dim", True)

    def forward(
        self,
        query,
        key,
        value,
        key_padding_mask=None,
        need_weights=True,
        attn_mask=None,
        average_attn_weights=True,
        is_causal=False,
    ):
        """Attends from query to key and value.

        Args:
            query, key, value: see the class.
            key_padding_mask: (N, S), True (or minus infinity) where a key is to be ignored.
            need_weights: also return the attention weights; without them it is faster.
            attn_mask: (L, S) or (N * heads, L, S), True (or minus infinity) where attention is not allowed.
            average_attn_weights: average the weights over the heads.
            is_causal: a hint that attn_mask is the causal mask.

        Returns:
            The result and the weights (None without need_weights).
        """
        swap = self.batch_first and query.dim() == 3
        fast = swap and key is query and value is key and self._is_fast(query, attn_mask, key_padding_mask)
        if swap:
            same_key, same_value = key is query, value is key
            query = query.transpose(1, 0)
            key = query if same_key else key.transpose(1, 0)
            value = key if same_value else value.transpose(1, 0)
        separate = {}
        if not self._qkv_same_embed_dim:
            separate = {
                "use_separate_proj_weight": True,
                "q_proj_weight": self.q_proj_weight,
                "k_proj_weight": self.k_proj_weight,
                "v_proj_weight": self.v_proj_weight,
            }
        result, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal and not (fast and attn_mask is None),
            **separate,
        )
        result = result.transpose(1, 0) if swap else result
        return (result.contiguous() if fast else result), weights

    def _is_fast(self, x, attn_mask, key_padding_mask):
        """Whether PyTorch takes its path for inference: is_causal needs no mask then, and the result is contiguous."""
        plain = self.in_proj_bias is not None and self._qkv_same_embed_dim and self.bias_k is None
        if self.training or not plain or self.add_zero_attn or self.num_heads % 2:
            return False
        masks = (key_padding_mask,) if attn_mask is None else (key_padding_mask, attn_mask)
        if key_padding_mask is not None and any(mask.is_floating_point() for mask in masks):
            return False
        if flambeau.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in self.parameters())):
            return False
        return not flambeau.is_autocast_enabled("cpu")

    def merge_masks(self, attn_mask, key_padding_mask, query):
        """(mask, kind) from both masks: kind 0 for attn_mask alone, 1 for key_padding_mask alone, 2 for both."""
        mask, kind = None, None
        if key_padding_mask is not None:
            mask, kind = key_padding_mask, 1
        if attn_mask is not None:
            batch, length = query.shape[:2]
            expanded = attn_mask if attn_mask.dim() == 3 else attn_mask.view(1, 1, length, length)
            expanded = expanded.view(batch, -1, length, length) if attn_mask.dim() == 3 else expanded
            mask, kind = expanded.expand(batch, self.num_heads, -1, -1), 2
            if key_padding_mask is not None:
                keys = key_padding_mask.view(batch, 1, 1, length).expand(-1, self.num_heads, -1, -1)
                mask = mask + keys
        return mask, kind
