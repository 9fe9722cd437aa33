"""Products with nested factors, and the layers made of them."""

import flambeau
from flambeau.ops._common import check_tensor

from ._shape import padded, unpadded
from ._tensor import Nested, is_dense, is_jagged, strided, strided_of


def _refuse(input, other):
    shapes = [tuple(x.shape) if not isinstance(x, Nested) or is_jagged(x) else "(nested)" for x in (input, other)]
    raise RuntimeError(f"matmul(): not supported between inputs of shapes {shapes[0]} and {shapes[1]}")


def matmul(input, other, *, out=None):
    """Matrix products of the components."""
    check_tensor("matmul", input)
    check_tensor("matmul", other, "other")
    if is_jagged(input) or is_jagged(other):
        return _jagged_matmul(input, other)
    if is_dense(other) and other.dim() == 2 and input.dim() > 3:
        return strided([c @ other for c in input.unbind()])
    if is_dense(input) or is_dense(other):
        raise RuntimeError("Expected both to be nested, but got a nested self and non-nested other")
    if input.size(0) != other.size(0):
        raise RuntimeError(
            f"matmul: expected as many components on both sides, got {input.size(0)} and {other.size(0)}"
        )
    return strided([a @ b for a, b in zip(input.unbind(), other.unbind())])


def _jagged_matmul(input, other):
    last, first = input.dim() - 1, other.dim() - 2
    if is_jagged(input) and is_dense(other):
        if input._ragged != last and other.dim() == 2:
            return input._on_values(input._elements @ other)
        if input._ragged == last - 1 and other.dim() == input.dim():
            return unpadded(padded(input, 0) @ other, input, input._ragged)
    elif is_dense(input) and input.dim() == other.dim() and other._ragged == other.dim() - 1:
        return unpadded(input @ padded(other, 0), other, other._ragged)
    elif is_jagged(input) and is_jagged(other) and input._ragged == last and _meet(input, other, last, first):
        return padded(input, 0) @ padded(other, 0)
    return _refuse(input, other)


def _meet(input, other, last, first):
    """Whether both are ragged where they are contracted, with the same lengths."""
    return other._ragged == first and input._size[last] is other._size[first]


def rmatmul(self, other):
    """other @ self."""
    return matmul(other, self)


def _on_last(self, function, width):
    """A function of the last dimension of every component at once."""
    if is_jagged(self):
        if self._ragged == self.dim() - 1:
            raise RuntimeError("[nested] the last dimension must not be the ragged one")
        return self._on_values(function(self._elements))
    result = function(self._elements.view(-1, width))
    sizes = tuple((*size[:-1], result.shape[-1]) for size in self._sizes)
    return strided_of(result.reshape(-1), sizes)


def linear(input, weight, bias=None):
    """input @ weight.T + bias, in every component."""
    if not isinstance(input, Nested) or isinstance(weight, Nested):
        raise RuntimeError("linear(): the input must be nested, weight and bias dense")
    if input.size(-1) != weight.shape[1]:
        raise RuntimeError(
            f"[linear] input's last dimension ({input.size(-1)}) must equal weight's in_features ({weight.shape[1]})"
        )
    return _on_last(input, lambda x: flambeau.nn.functional.linear(x, weight, bias), weight.shape[1])


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Layer normalisation over the last dimensions of every component."""
    shape = tuple(normalized_shape)
    norm = flambeau.nn.functional.layer_norm
    if is_jagged(input):
        if input._ragged >= input.dim() - len(shape):
            raise RuntimeError("layer_norm(): normalizing over ragged dim not supported for NestedTensor")
        return input._on_values(norm(input._elements, shape, weight, bias, eps))
    if weight is None or bias is None:
        raise ValueError("NestedTensor layer_norm requires weight and bias")
    result = norm(input._elements.view(-1, *shape), shape, weight, bias, eps)
    return input._with(result.reshape(-1))


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """Rows of a table, chosen by nested integers."""
    rows = flambeau.nn.functional.embedding(
        input._elements, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
    )
    if is_jagged(input):
        return input._on_values(rows)
    return strided_of(rows.reshape(-1), tuple((*size, weight.shape[1]) for size in input._sizes))


def attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    """Attention within each component: (batch, heads, ragged, width)."""
    function = flambeau.nn.functional.scaled_dot_product_attention
    if attn_mask is not None:
        raise RuntimeError("scaled_dot_product_attention: attn_mask is not supported for nested tensors")
    if not all(isinstance(x, Nested) for x in (query, key, value)):
        raise RuntimeError("scaled_dot_product_attention: query, key and value must all be nested")
    options = {"dropout_p": dropout_p, "is_causal": is_causal, "scale": scale, "enable_gqa": enable_gqa}
    if not is_jagged(query):
        groups = zip(query.unbind(), key.unbind(), value.unbind(), strict=True)
        return strided([function(q, k, v, **options) for q, k, v in groups])
    for x in (query, key, value):
        if x.dim() != 4 or x._ragged != 2:
            raise RuntimeError(
                f"scaled_dot_product_attention: expected (batch, heads, ragged, width), got {tuple(x.shape)}"
            )
    q, k, v = (padded(x, 0) for x in (query, key, value))
    seen = flambeau.arange(k.shape[2]) < key._all_lengths().view(-1, 1)
    mask = seen[:, None, None, :].expand(q.shape[0], 1, q.shape[2], k.shape[2])
    if is_causal:
        mask = mask & flambeau.ones(q.shape[2], k.shape[2], dtype=flambeau.bool).tril()
    return unpadded(function(q, k, v, mask, **{**options, "is_causal": False}), query, 2)


PRODUCTS = {"matmul": matmul, "bmm": matmul, "__matmul__": matmul, "__rmatmul__": rmatmul}
