// Scaled dot-product attention.
#include <limits>

#include "core/kernels.h"
#include "ops/ops.h"

namespace flambeau::ops {

namespace {

// Rows must be contiguous; the rest of the layout is free.
Tensor with_rows(const Tensor& x) { return x.size(-1) <= 1 || x.stride(-1) == 1 ? x : contiguous(x); }

void put_strides(int64_t* to, const Tensor& t) {
  for (int i = 0; i < 3; ++i) to[i] = t.stride(i);
}

AttentionArgs arguments(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask, bool causal,
                        double scale) {
  AttentionArgs p;
  p.batch = q.size(0);
  p.heads = q.size(1);
  p.kv_heads = k.size(1);
  p.queries = q.size(2);
  p.keys = k.size(2);
  p.depth = q.size(3);
  p.value_depth = v.size(3);
  p.q = q.raw();
  p.k = k.raw();
  p.v = v.raw();
  put_strides(p.q_strides, q);
  put_strides(p.k_strides, k);
  put_strides(p.v_strides, v);
  if (mask.defined()) {
    p.mask = mask.raw();
    p.mask_is_bool = mask.dtype() == DType::Bool;
    for (int i = 0; i < 4; ++i) p.mask_strides[i] = mask.stride(i);
  }
  p.causal = causal;
  p.scale = scale;
  return p;
}

// Heads of keys and values repeated for the groups of query heads, and gradients summed back.
Tensor spread_heads(const Tensor& x, int64_t groups) {
  if (groups == 1) return x;
  const Tensor wide = expand(unsqueeze(x, 2), Dims{x.size(0), x.size(1), groups, x.size(2), x.size(3)});
  return reshape(wide, Dims{x.size(0), x.size(1) * groups, x.size(2), x.size(3)});
}
Tensor gather_heads(const Tensor& x, int64_t groups) {
  if (groups == 1) return x;
  return sum(reshape(x, Dims{x.size(0), x.size(1) / groups, groups, x.size(2), x.size(3)}), Dims{2}, false);
}

Tensor causal_mask(int64_t queries, int64_t keys, Device device) {
  const Tensor mask = empty(Dims{queries, keys}, DType::Bool, device);
  if (!device.is_cpu()) return mask;
  for (int64_t i = 0; i < queries; ++i)
    for (int64_t j = 0; j < keys; ++j) mask.data<bool>()[i * keys + j] = j <= i;
  return mask;
}

// The derivative composed of public ops, for derivatives of higher order. log_sum only keeps exp in range.
void composed_vjp(Backward& b, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                  const Tensor& log_sum) {
  const bool causal = b.attr<bool>(0);
  const double scale = b.attr<double>(1), low = -std::numeric_limits<double>::infinity();
  const int64_t groups = k.size(1) == 0 ? 1 : q.size(1) / k.size(1);
  const Tensor keys = spread_heads(k, groups), values = spread_heads(v, groups), g = b.grad();
  Tensor scores = matmul(q, transpose(keys, -1, -2)) * scale;
  if (mask.defined())
    scores = mask.dtype() == DType::Bool ? where(mask, scores, low) : scores + to_dtype(mask, q.dtype());
  if (causal) scores = where(causal_mask(q.size(2), k.size(2), q.device()), scores, low);
  const Tensor top = unsqueeze(to_dtype(log_sum, q.dtype()), 3);
  const Tensor raw = exp(scores - where(eq(top, low), 0.0, top));
  const Tensor total = sum(raw, Dims{3}, true);
  const Tensor weights = raw / where(eq(total, 0.0), 1.0, total);
  const Tensor slopes = matmul(g, transpose(values, -1, -2));
  const Tensor change = weights * (slopes - sum(weights * slopes, Dims{3}, true)) * scale;
  if (b.needs(0)) b.set(0, matmul(change, keys));
  if (b.needs(1)) b.set(1, gather_heads(matmul(transpose(change, -1, -2), q), groups));
  if (b.needs(2)) b.set(2, gather_heads(matmul(transpose(weights, -1, -2), g), groups));
}

void attention_vjp(Backward& b) {
  const Tensor q = with_rows(b.saved(0)), k = with_rows(b.saved(1)), v = with_rows(b.saved(2)), out = b.saved(3),
               log_sum = b.saved(4);
  const Tensor mask = b.attr<bool>(2) ? b.saved(5) : Tensor();
  if (grad_enabled()) return composed_vjp(b, q, k, v, mask, log_sum);
  const Tensor grad = with_rows(b.grad());
  AttentionArgs p = arguments(q, k, v, mask, b.attr<bool>(0), b.attr<double>(1));
  const Tensor gq = empty(q.shape(), q.dtype(), q.device()), gk = empty(k.shape(), k.dtype(), q.device()),
               gv = empty(v.shape(), v.dtype(), q.device());
  p.out = out.raw();
  p.log_sum = log_sum.raw();
  p.grad = grad.raw();
  put_strides(p.grad_strides, grad);
  p.q_grad = gq.raw();
  p.k_grad = gk.raw();
  p.v_grad = gv.raw();
  need(kernels_of(q).attention.backward[static_cast<int>(q.dtype())], "scaled_dot_product_attention", q)(p);
  if (b.needs(0)) b.set(0, gq);
  if (b.needs(1)) b.set(1, gk);
  if (b.needs(2)) b.set(2, gv);
}
const Op attention_op{"scaled_dot_product_attention", attention_vjp};

}  // namespace

Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& attn_mask, bool causal,
                 double scale) {
  const Tensor q = with_rows(alias(query)), k = with_rows(alias(key)), v = with_rows(alias(value));
  const auto entry = need(kernels_of("scaled_dot_product_attention", {&q, &k, &v, &attn_mask})
                              .attention.forward[static_cast<int>(q.dtype())],
                          "scaled_dot_product_attention", q);
  const DType wide = q.dtype() == DType::Float64 ? DType::Float64 : DType::Float32;
  Tensor mask;
  if (attn_mask.defined()) {
    mask = attn_mask.dtype() == DType::Bool ? alias(attn_mask) : to_dtype(alias(attn_mask), wide);
    mask = expand(mask, Dims{q.size(0), q.size(1), q.size(2), k.size(2)});
  }
  AttentionArgs p = arguments(q, k, v, mask, causal, scale);
  const Tensor out = empty(Dims{q.size(0), q.size(1), q.size(2), v.size(3)}, q.dtype(), q.device());
  const Tensor log_sum = empty(Dims{q.size(0), q.size(1), q.size(2)}, wide, q.device());
  p.out = out.raw();
  p.log_sum = log_sum.raw();
  if (out.numel() > 0) entry(p);
  if (mask.defined())
    return record(attention_op, {&query, &key, &value}, {causal, scale, true}, {query, key, value, out, log_sum, mask},
                  out);
  return record(attention_op, {&query, &key, &value}, {causal, scale, false}, {query, key, value, out, log_sum}, out);
}

}  // namespace flambeau::ops
