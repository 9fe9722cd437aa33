"""One natural call per op, as text: `benchmarks/ops.py` evaluates it in flambeau and in torch.

`t` is the library, `F` its nn.functional, `n` the side (128: 16 K elements, 1024: 1 M). The other names are the
arguments that ARGUMENTS makes. A call on a line without a name is a further call of the op above it.
"""

# What the one-letter names stand for, by family. Functions of (library, side).
ARGUMENTS = {
    # float32 matrices, n x n: any value; x of them positive, and inside (0, 1)
    "x": lambda t, n: t.randn(n, n),
    "y": lambda t, n: t.randn(n, n),
    "z": lambda t, n: t.randn(n, n),
    "p": lambda t, n: t.rand(n, n) + 0.5,
    "q": lambda t, n: t.rand(n, n) * 0.98 + 0.01,
    # vectors: one row, one column, all elements
    "r": lambda t, n: t.randn(n),
    "r2": lambda t, n: t.randn(n),
    "col": lambda t, n: t.randn(n, 1),
    "v": lambda t, n: t.randn(n * n),
    "w": lambda t, n: t.randn(n * n),
    "edges": lambda t, n: t.linspace(-2, 2, 64),
    # no gradient wanted
    "data": lambda t, n: t.randn(n, n).detach(),
    # int64: matrices of 1..99, indices of rows as a matrix and a vector, indices of all elements
    "a": lambda t, n: t.randint(1, 100, (n, n)),
    "b": lambda t, n: t.randint(1, 100, (n, n)),
    "i": lambda t, n: t.randint(0, n, (n, n)),
    "k": lambda t, n: t.randint(0, n, (n,)),
    "l": lambda t, n: t.randint(0, n * n, (n * n,)),
    "few": lambda t, n: t.randint(0, 10, (n * n,)),
    # bool matrices, half of them true
    "m": lambda t, n: t.randn(n, n) > 0,
    "m2": lambda t, n: t.randn(n, n) > 0,
    # complex
    "c": lambda t, n: t.complex(t.randn(n, n), t.randn(n, n)),
    "d": lambda t, n: t.complex(t.randn(n, n), t.randn(n, n)),
    # other dtypes
    "x64": lambda t, n: t.randn(n, n).double(),
    "half": lambda t, n: t.randn(n, n).half(),
    "bf": lambda t, n: t.randn(n, n).bfloat16(),
    "u8": lambda t, n: t.randint(0, 255, (n, n)).to(t.uint8),
    "i32": lambda t, n: t.randint(1, 100, (n, n)).int(),
    # square matrices: well conditioned, positive definite, triangular; many small ones
    "sq": lambda t, n: t.randn(n, n) + n * t.eye(n),
    "spd": lambda t, n: spd(t, n, n),
    "tri": lambda t, n: t.tril(t.randn(n, n)) + n * t.eye(n),
    "small": lambda t, n: t.randn(n * n // 64, 8, 8) + 8 * t.eye(8),
    "small_spd": lambda t, n: spd(t, n * n // 64, 8, 8),
    "small_y": lambda t, n: t.randn(n * n // 64, 8, 8),
    "batch": lambda t, n: t.randn(n // 32, 32, n),
    "batch_y": lambda t, n: t.randn(n // 32, n, 32),
    "add_to": lambda t, n: t.randn(n // 32, 32, 32),
    "points": lambda t, n: t.randn(n, 16),
    "points_y": lambda t, n: t.randn(n, 16),
    # layers: images, sequences and volumes with n * n elements, and weights
    "img": lambda t, n: t.randn(*((4, 4, 32, 32) if n == 128 else (16, 16, 64, 64))),
    "seq": lambda t, n: t.randn(*((4, 16, 256) if n == 128 else (16, 64, 1024))),
    "vol": lambda t, n: t.randn(*((1, 4, 16, 16, 16) if n == 128 else (4, 8, 32, 32, 32))),
    "k1": lambda t, n: weights(t, n, "seq", 3),
    "k2": lambda t, n: weights(t, n, "img", 3, 3),
    "k2_1": lambda t, n: weights(t, n, "img", 1, 1),
    "k2_each": lambda t, n: t.randn(channels(n, "img"), 1, 3, 3),
    "k3": lambda t, n: weights(t, n, "vol", 3, 3, 3),
    "per": lambda t, n: t.randn(channels(n, "img")),
    "heads": lambda t, n: t.randn(*((2, 4, 64, 32) if n == 128 else (8, 8, 256, 64))),
    "heads_y": lambda t, n: t.randn(*((2, 4, 64, 32) if n == 128 else (8, 8, 256, 64))),
    "heads_z": lambda t, n: t.randn(*((2, 4, 64, 32) if n == 128 else (8, 8, 256, 64))),
    "grid": lambda t, n: t.rand(*((4, 32, 32, 2) if n == 128 else (16, 64, 64, 2))) * 2 - 1,
    "labels": lambda t, n: t.randint(0, channels(n, "img"), (4, 32, 32) if n == 128 else (16, 64, 64)),
    "pieces": lambda t, n: list(t.randn(n, n).unbind(0)),
    "ragged": lambda t, n: [t.randn(n // 2 + i % (n // 2)) for i in range(n)],
    # not tensors
    "array": lambda t, n: t.randn(n, n).numpy().copy(),
    "numbers": lambda t, n: t.randn(n, n).tolist(),
    "lstm": lambda t, n: t.nn.LSTM(64, 64, batch_first=True),
    "gru": lambda t, n: t.nn.GRU(64, 64, batch_first=True),
    "rnn": lambda t, n: t.nn.RNN(64, 64, batch_first=True),
    "steps": lambda t, n: t.randn(n // 16, n // 4, 64),
    "mha": lambda t, n: t.nn.MultiheadAttention(64, 4, batch_first=True),
    "mean_var": lambda t, n: (t.zeros(channels(n, "img")), t.ones(channels(n, "img"))),
    "stream": lambda t, n: saved(t, n),
}

SHAPES = {"seq": (16, 64), "img": (4, 16), "vol": (4, 8)}


def channels(n, kind):
    return SHAPES[kind][n != 128]


def weights(t, n, kind, *window):
    return t.randn(channels(n, kind), channels(n, kind), *window)


def spd(t, *shape):
    x = t.randn(*shape)
    return x @ x.transpose(-1, -2) / shape[-1] + t.eye(shape[-1])


def saved(t, n):
    import io

    stream = io.BytesIO()
    t.save({"x": t.randn(n, n)}, stream)
    return stream


# name: call. Tier 1 of the inventory; methods, operators and functions of one name are one row.
TIER_1 = """
add          x + y
             x + r
             x + 1.5
             x + col
             a + b
             half + half
             bf + bf
             x64 + x64
             x + a
add_         x.add_(0.0)
sub          x - y
             1.0 - x
sub_         x.sub_(0.0)
mul          x * y
             a * b
             c * d
mul_         x.mul_(1.0)
div          x / p
             1.0 / p
             a / b
             t.div(x, p, rounding_mode="floor")
div_         x.div_(1.0)
floordiv     a // b
             x // p
mod          a % b
             x % p
pow          x ** 2
             x ** 3
             p ** 0.5
             p ** y
             2.0 ** x
             a ** 2
             p ** -1.5
neg          -x
abs          x.abs()
             c.abs()
sign         x.sign()
sgn_         x.sgn_()
square       x.square()
sqrt         p.sqrt()
rsqrt        p.rsqrt()
exp          x.exp()
log          p.log()
log1p        p.log1p()
sin          x.sin()
cos          x.cos()
tanh         x.tanh()
sigmoid      x.sigmoid()
relu         x.relu()
floor        x.floor()
ceil         x.ceil()
round        x.round()
clamp        x.clamp(-1, 1)
             a.clamp(10, 50)
clamp_       x.clamp_(-1, 1)
clamp_min    x.clamp_min(0)
maximum      t.maximum(x, y)
minimum      t.minimum(x, y)
addcmul_     x.addcmul_(y, z, value=0.0)
nan_to_num   x.nan_to_num()
gt           x > y
             x > 0
lt           x < y
ge           x >= y
le           a <= b
eq           x == y
             a == 7
ne           x != y
equal        t.equal(x, x.detach())
allclose     t.allclose(x, x.detach())
invert       ~m
             ~a
and          m & m2
             a & b
and_         m.__iand__(m2)
or           m | m2
logical_and  t.logical_and(m, m2)
             t.logical_and(x, y)
isnan        x.isnan()
isinf        x.isinf()
isfinite     x.isfinite()
where        t.where(m, x, y)
             t.where(m, x, 0.0)
             t.where(m)
masked_fill  x.masked_fill(m, 0.0)
masked_fill_ data.masked_fill_(m, 0.0)
masked_select x.masked_select(m)
real         c.real + 1
view_as_real t.view_as_real(c) + 1
sum          x.sum()
             x.sum(0)
             x.sum(1)
             x.t().sum(0)
             img.sum((0, 2, 3))
             a.sum()
             a.sum(1)
             m.sum()
             m.sum(1)
             half.sum()
             bf.sum(1)
mean         x.mean()
             x.mean(0)
             x.mean(1)
             x.mean(-1, keepdim=True)
prod         q.prod()
             q.prod(1)
std          x.std()
             x.std(0)
             x.std(1)
var          x.var()
             x.var(0)
             x.var(1)
norm         x.norm()
             x.norm(dim=1)
             x.norm(p=1, dim=1)
             t.linalg.norm(x, dim=0)
             t.linalg.vector_norm(x, ord=3, dim=1)
             t.linalg.norm(x, ord=float("inf"), dim=1)
max          x.max()
             x.max(1)
             x.max(0)
             a.max()
             a.max(1)
min          x.min()
             x.min(1)
amax         x.amax(1)
             x.amax(0)
             x.amax((0, 1))
amin         x.amin(1)
argmax       x.argmax()
             x.argmax(1)
             x.argmax(0)
argmin       x.argmin(1)
all          m.all()
             m.all(1)
             (x == x).all()
any          m.any()
             m.any(0)
             x.any(1)
logsumexp    x.logsumexp(1)
             x.logsumexp(0)
cumsum       x.cumsum(0)
             x.cumsum(1)
             a.cumsum(1)
             v.cumsum(0)
             m.cumsum(1)
quantile     t.quantile(v, 0.5)
             t.quantile(x, 0.5, dim=1)
             t.quantile(x, data[0, :4].sigmoid(), dim=0)
sort         v.sort()
             x.sort(1)
             x.sort(0)
             a.sort(1)
             l.sort()
             x.sort(1, descending=True)
             x.sort(dim=1, stable=True)
argsort      x.argsort(1)
             l.argsort()
topk         x.topk(5, 1)
             v.topk(10)
             x.topk(n // 2, 1)
             x.topk(5, 0)
             a.topk(5, 1)
unique       l.unique()
             few.unique()
             few.unique(return_inverse=True, return_counts=True)
             v.unique()
             t.unique(few.view(-1, 8), dim=0)
bincount     few.bincount()
             l.bincount()
searchsorted t.searchsorted(edges, v)
             t.searchsorted(x.detach().cumsum(1), y)
bucketize    t.bucketize(x, edges)
nonzero      m.nonzero()
             x.nonzero()
             (x > 2).nonzero()
contains     123.0 in x
gather       x.gather(1, i)
             x.gather(0, i)
scatter      x.scatter(1, i, y)
             x.scatter(0, i, 1.0)
scatter_     data.scatter_(1, i, y)
scatter_add_ data.clone().scatter_add_(1, i, y)
             data.clone().scatter_add_(0, i, y)
index_select x.index_select(0, k)
             x.index_select(1, k)
getitem      x[k]
             x[:, k]
             x[k, k]
             v[l]
             x[m]
             x[1:, ::2] + 0
             x[::2] + 0
             x[k[:, None], k[None, :]]
             x[..., None, 3] + 0
             x[m[:, 0]]
setitem      data.__setitem__(k, data)
             data.__setitem__(m, 0.0)
             data.__setitem__((slice(None), 3), 1.0)
             data.__setitem__((slice(1, None), slice(1, None)), y[:-1, :-1])
             w.detach().__setitem__(l, v.detach())
             data.__setitem__(data > 1, 0.5)
cat          t.cat([x, y])
             t.cat([x, y], 1)
             t.cat(pieces)
             t.cat([img, img], 1)
concat       t.concat([x, y], -1)
stack        t.stack([x, y])
             t.stack([x, y], -1)
             t.stack(pieces)
split        [part + 1 for part in x.split(n // 4, 1)]
chunk        [part + 1 for part in x.chunk(4, 1)]
unbind       x.unbind(0)
iter         list(x)
repeat       x.repeat(2, 2)
             r.repeat(n, 1)
             v.repeat(4)
repeat_interleave x.repeat_interleave(2, 0)
             x.repeat_interleave(2, 1)
             r.repeat_interleave(k, 0)
expand       r.expand(n, n) + 0
expand_as    col.expand_as(x).contiguous()
flip         x.flip(0)
             x.flip(1)
             img.flip(-1)
roll         x.roll(3, 1)
             x.roll((1, 2), (0, 1))
unfold       v.unfold(0, 8, 4) + 0
             img.unfold(2, 4, 4).contiguous()
narrow       x.narrow(1, 3, n // 2) + 0
contiguous   x.t().contiguous()
             img.permute(0, 2, 3, 1).contiguous()
             x[:, ::2].contiguous()
             heads.transpose(1, 2).contiguous()
             a.t().contiguous()
             u8.t().contiguous()
             m.t().contiguous()
             half.t().contiguous()
             x.expand(2, n, n).contiguous()
             img.contiguous(memory_format=t.channels_last)
reshape      x.t().reshape(-1)
             img.permute(0, 2, 3, 1).reshape(-1, img.shape[1])
flatten      img.transpose(0, 1).flatten()
clone        x.clone()
             x.t().clone()
copy_        data.copy_(y)
             data.copy_(y.t())
             data.copy_(a)
             data[:, ::2].copy_(y[:, 1::2])
transpose    x.t() + y
             x.transpose(0, 1) * 2
to           x.double()
             x.half()
             x.bfloat16()
             half.float()
             bf.float()
             x64.float()
             x.long()
             x.int()
             x.byte()
             x.bool()
             a.float()
             a.int()
             a.bool()
             i32.long()
             m.float()
             m.long()
             m.int()
             u8.float()
             u8.float() / 255
             u8.t().float()
             half.double()
             bf.half()
             x.t().half()
             x.type(t.float64)
             x.type_as(a)
             x.to(t.int8)
             x.to(t.int16)
             x.to(t.complex64)
fill_        x.fill_(1.0)
zero_        x.zero_()
zeros        t.zeros(n, n)
             t.zeros_like(x)
             x.new_zeros(n, n)
ones         t.ones(n, n)
             t.ones_like(a)
full         t.full((n, n), 1.5)
             t.full_like(x, 2.5)
empty        t.empty(n, n)
arange       t.arange(n * n)
             t.arange(0, n * n, 1.0)
linspace     t.linspace(0, 1, n * n)
eye          t.eye(n)
tensor       t.tensor(numbers)
             t.tensor(array)
             t.as_tensor(array) + 0
             t.from_numpy(array) + 0
             x.new_tensor(array)
tolist       x.tolist()
             a.tolist()
             m.tolist()
numpy        x.detach().numpy() + 1
triu         x.triu()
tril         x.tril()
diag         r.diag()
             x.diag() + 0
meshgrid     [g + 0 for g in t.meshgrid(r, r2, indexing="ij")]
broadcast_tensors [g + 0 for g in t.broadcast_tensors(r, col)]
one_hot      F.one_hot(few, 10)
rand         t.rand(n, n)
             t.rand_like(x)
randn        t.randn(n, n)
             t.randn_like(x)
randint      t.randint(0, 100, (n, n))
randperm     t.randperm(n * n)
normal       t.normal(0.0, 1.0, (n, n))
             t.normal(x.detach(), p.detach())
             data.normal_()
uniform_     data.uniform_()
bernoulli_   data.bernoulli_(0.3)
             data.bernoulli_(q.detach())
multinomial  t.multinomial(q.detach(), 1)
             t.multinomial(q.detach(), 16, replacement=True)
             t.multinomial(q.detach(), 16)
dropout      F.dropout(x, 0.5)
             F.dropout(x, 0.5, training=False)
xavier_normal_ t.nn.init.xavier_normal_(data)
xavier_uniform_ t.nn.init.xavier_uniform_(data)
kaiming_uniform_ t.nn.init.kaiming_uniform_(data)
kaiming_normal_ t.nn.init.kaiming_normal_(data)
orthogonal_  t.nn.init.orthogonal_(data)
constant_    t.nn.init.constant_(data, 0.5)
matmul       x @ y
             x @ r
             r @ x
             batch @ batch_y
             batch @ y
             x.t() @ y
             x @ y.t()
             small @ small_y
             x64 @ x64
             half @ half
             bf @ bf
             c @ d
             a @ b
bmm          t.bmm(batch, batch_y)
dot          t.dot(v, w)
einsum       t.einsum("ij,jk->ik", x, y)
             t.einsum("bij,bjk->bik", batch, batch_y)
             t.einsum("bhqd,bhkd->bhqk", heads, heads_y)
             t.einsum("ij->ji", x) + 0
             t.einsum("ij,j->i", x, r)
             t.einsum("i,j->ij", r, r2)
             t.einsum("ii->", x)
             t.einsum("bnd,bmd->bnm", batch, batch)
cdist        t.cdist(points, points_y)
             t.cdist(points, points_y, p=1.0)
cosine_similarity F.cosine_similarity(x, y, dim=1)
linalg.norm  t.linalg.norm(x)
             t.linalg.norm(x, ord="fro", dim=(0, 1))
linalg.solve t.linalg.solve(sq, r)
             t.linalg.solve(sq, x)
             t.linalg.solve(small, small_y)
linalg.solve_triangular t.linalg.solve_triangular(tri, x, upper=False)
             t.linalg.solve_triangular(small.tril(), small_y, upper=False)
linalg.eigh  t.linalg.eigh(spd)
             t.linalg.eigh(small_spd)
inverse      t.inverse(sq)
             t.inverse(small)
linear       F.linear(x, y, r)
             F.linear(x, y)
             F.linear(batch, y, r)
             F.linear(bf, bf)
normalize    F.normalize(x)
softmax      x.softmax(1)
             x.softmax(0)
             img.softmax(1)
log_softmax  F.log_softmax(x, 1)
             F.log_softmax(x, 0)
softplus     F.softplus(x)
logsigmoid   F.logsigmoid(x)
leaky_relu   F.leaky_relu(x)
elu          F.elu(x)
prelu        F.prelu(img, per)
gelu         F.gelu(x)
             F.gelu(x, approximate="tanh")
silu         F.silu(x)
layer_norm   F.layer_norm(x, (n,))
             F.layer_norm(x, (n,), r, r2)
rms_norm     F.rms_norm(x, (n,), r)
batch_norm   F.batch_norm(img, *mean_var, training=True)
             F.batch_norm(img, *mean_var, per, per, training=False)
             F.batch_norm(x, t.zeros(n), t.ones(n), r, r2, training=True)
group_norm   F.group_norm(img, 4, per, per)
instance_norm F.instance_norm(img)
cross_entropy F.cross_entropy(x, k)
             F.cross_entropy(x, y.detach().softmax(1))
             F.cross_entropy(img, labels)
             F.cross_entropy(x, k, label_smoothing=0.1)
mse_loss     F.mse_loss(x, y)
l1_loss      F.l1_loss(x, y)
binary_cross_entropy F.binary_cross_entropy(q, data.sigmoid())
binary_cross_entropy_with_logits F.binary_cross_entropy_with_logits(x, data.sigmoid())
embedding    F.embedding(i, points)
             F.embedding(k, x)
pad          F.pad(x, (1, 2, 3, 4))
             F.pad(img, (1, 1, 1, 1))
             F.pad(img, (2, 2, 2, 2), mode="reflect")
             F.pad(img, (2, 2, 2, 2), mode="replicate")
             F.pad(img, (2, 2, 2, 2), mode="circular")
             F.pad(seq, (3, 3), mode="reflect")
             F.pad(x, (-1, -1))
interpolate  F.interpolate(img, scale_factor=2)
             F.interpolate(img, scale_factor=2, mode="bilinear")
             F.interpolate(img, scale_factor=2, mode="bicubic")
             F.interpolate(img, scale_factor=0.5, mode="area")
             F.interpolate(img, scale_factor=0.5, mode="bilinear", antialias=True)
             F.interpolate(seq, scale_factor=2, mode="linear")
             F.interpolate(vol, scale_factor=2, mode="trilinear")
             F.interpolate(img, size=(48, 48), mode="bilinear", align_corners=True)
conv1d       F.conv1d(seq, k1, padding=1)
             F.conv1d(seq, k1, stride=2)
conv2d       F.conv2d(img, k2, padding=1)
             F.conv2d(img, k2, per, padding=1, stride=2)
             F.conv2d(img, k2_1)
             F.conv2d(img, k2_each, padding=1, groups=img.shape[1])
             F.conv2d(img, k2, padding=2, dilation=2)
conv3d       F.conv3d(vol, k3, padding=1)
conv_transpose1d F.conv_transpose1d(seq, k1, padding=1, stride=2)
conv_transpose2d F.conv_transpose2d(img, k2, padding=1, stride=2)
             F.conv_transpose2d(img, k2)
max_pool2d   F.max_pool2d(img, 2)
             F.max_pool2d(img, 3, 2, 1)
             F.max_pool2d(img, 2, return_indices=True)
avg_pool1d   F.avg_pool1d(seq, 2)
avg_pool2d   F.avg_pool2d(img, 2)
             F.avg_pool2d(img, 3, 1, 1)
adaptive_avg_pool2d F.adaptive_avg_pool2d(img, 1)
             F.adaptive_avg_pool2d(img, 7)
scaled_dot_product_attention F.scaled_dot_product_attention(heads, heads_y, heads_z)
             F.scaled_dot_product_attention(heads, heads_y, heads_z, is_causal=True)
multihead_attention mha(steps, steps, steps, need_weights=False)
             mha(steps, steps, steps)
lstm         lstm(steps)
gru          gru(steps)
rnn          rnn(steps)
pad_sequence t.nn.utils.rnn.pad_sequence(ragged)
pack_padded_sequence t.nn.utils.rnn.pack_padded_sequence(steps, [steps.shape[1]] * steps.shape[0], batch_first=True)
clip_grad_norm_ t.nn.utils.clip_grad_norm_([data.requires_grad_()], 1.0)
save         t.save({"x": x}, __import__("io").BytesIO())
load         (stream.seek(0), t.load(stream))
"""

# Tier 2.
TIER_2 = """
reciprocal   p.reciprocal()
atan2        t.atan2(x, p)
tan          x.tan()
acos         q.acos()
atan         x.atan()
sinh         x.sinh()
erf          x.erf()
erfinv       q.erfinv()
expm1        x.expm1()
log2         p.log2()
log10        p.log10()
logit        q.logit()
lgamma       p.lgamma()
remainder    t.remainder(x, p)
fmod         t.fmod(x, p)
nextafter    t.nextafter(x, y)
lerp         t.lerp(x, y, 0.3)
             t.lerp(x, y, z)
addcmul      t.addcmul(x, y, z, value=0.5)
addcdiv_     data.addcdiv_(x, p, value=0.0)
logical_or   t.logical_or(m, m2)
logical_not  m.logical_not()
             x.logical_not()
isclose      t.isclose(x, y)
isin         t.isin(a, t.arange(10))
             t.isin(l, l[:1000])
complex      t.complex(x, y)
polar        t.polar(p, x)
conj         c.conj() + 1
view_as_complex t.view_as_complex(v.view(-1, 2)) + 1
diag_embed   x[:, :8].diag_embed()
diagonal     x.diagonal() + 0
movedim      img.movedim(1, -1).contiguous()
outer        t.outer(r, r2)
addmm        t.addmm(x, y, z)
baddbmm      t.baddbmm(add_to, batch, batch_y)
mv           t.mv(x, r)
tensordot    t.tensordot(x, y, dims=1)
cross        t.cross(x[:, :3], y[:, :3])
glu          F.glu(x)
kl_div       F.kl_div(x.log_softmax(1), data.softmax(1), reduction="batchmean")
nll_loss     F.nll_loss(x.log_softmax(1), k)
smooth_l1_loss F.smooth_l1_loss(x, y)
huber_loss   F.huber_loss(x, y)
pairwise_distance F.pairwise_distance(x, y)
grid_sample  F.grid_sample(img, grid, align_corners=False)
             F.grid_sample(img, grid, mode="nearest", align_corners=False)
affine_grid  F.affine_grid(t.eye(2, 3)[None].expand(4, 2, 3), (4, 3, n // 2, n // 2), align_corners=False)
unfold       F.unfold(img, 3, padding=1)
fold         F.fold(F.unfold(img, 2, stride=2), img.shape[2:], 2, stride=2)
max_pool3d   F.max_pool3d(vol, 2)
avg_pool3d   F.avg_pool3d(vol, 2)
adaptive_max_pool2d F.adaptive_max_pool2d(img, 7)
conv_transpose3d F.conv_transpose3d(vol, k3, stride=2)
embedding_bag F.embedding_bag(i, points)
linalg.svd   t.linalg.svd(small)
             t.linalg.svd(x[:, :64], full_matrices=False)
linalg.qr    t.linalg.qr(x)
             t.linalg.qr(small)
linalg.cholesky t.linalg.cholesky(spd)
             t.linalg.cholesky(small_spd)
linalg.inv   t.linalg.inv(sq)
linalg.det   t.linalg.det(sq / n)
             t.linalg.det(small)
linalg.slogdet t.linalg.slogdet(sq)
linalg.lstsq t.linalg.lstsq(x, y[:, :4]).solution
linalg.cross t.linalg.cross(x[:, :3], y[:, :3])
lu_factor    t.linalg.lu_factor(sq)
             t.linalg.lu_factor(small)
cholesky_solve t.cholesky_solve(x, tri)
fft.fft      t.fft.fft(x)
             t.fft.fft(c)
             t.fft.fft(v)
fft.ifft     t.fft.ifft(c)
fft.rfft     t.fft.rfft(x)
fft.irfft    t.fft.irfft(c[:, : n // 2 + 1])
fft.fft2     t.fft.fft2(c)
stft         t.stft(v, 256, window=t.hann_window(256), return_complex=True)
hann_window  t.hann_window(n * n)
argmin       x.argmin()
median       x.median(1)
             v.median()
kthvalue     x.kthvalue(3, 1)
cumprod      q.cumprod(1)
cummax       x.cummax(1)
diff         x.diff()
count_nonzero m.count_nonzero()
             x.count_nonzero(1)
nanmean      x.nanmean(1)
nansum       x.nansum(1)
std_mean     t.std_mean(x, 1)
histc        v.histc(64, -3, 3)
unique_consecutive few.unique_consecutive()
trapezoid    t.trapezoid(x)
index_add_   data.index_add_(0, k, y.detach())
index_copy_  data.index_copy_(0, k, y.detach())
scatter_reduce_ data.scatter_reduce_(1, i, y.detach(), "amax")
masked_scatter x.masked_scatter(m, y)
take         x.take(l)
triu_indices t.triu_indices(n, n)
tile         x.tile(2, 2)
hstack       t.hstack([x, y])
vstack       t.vstack([x, y])
swapaxes     x.swapaxes(0, 1).contiguous()
as_strided   v.as_strided((n - 1, n), (n, 1)) + 0
tensor_split [part + 1 for part in x.tensor_split(4, 1)]
cartesian_prod t.cartesian_prod(r, r2)
poisson      t.poisson(p.detach())
bernoulli    t.bernoulli(q.detach())
random_      a.random_(0, 100)
randint_like t.randint_like(a, 100)
exponential_ data.exponential_()
trunc_normal_ t.nn.init.trunc_normal_(data)
parameters_to_vector t.nn.utils.parameters_to_vector(pieces)
"""


def rows(text):
    """[(name, call)] of a table."""
    found, name = [], None
    for line in text.strip().splitlines():
        head, _, call = line.partition(" ")
        name = head or name
        found.append((name, call.strip()))
    return found
