"""Calls on sparse tensors, as expressions over `T` (torch or flambeau): tests/test_sparse.py compares what both give.

S, C, U, H: with coordinates (as given, coalesced, with a double coordinate, with dense pieces); R: by rows; Q: a second pattern; D, E:
dense (2, 3) and (3, 2).
"""

NAMES = {
    "S": "T.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [0.3, 0.4, 0.5], (2, 3))",
    "U": "T.sparse_coo_tensor([[0, 1, 1, 1], [2, 0, 2, 2]], [0.3, 0.4, 0.5, 0.6], (2, 3))",
    "H": "T.sparse_coo_tensor([[0, 2, 0]], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], (3, 2))",
    "Q": "T.sparse_coo_tensor([[0, 1, 0], [0, 0, 2]], [1.0, 2.0, 3.0], (2, 3))",
    "C": "S.coalesce()",
    "R": "S.to_sparse_csr()",
    "D": "T.arange(6.0).reshape(2, 3) + 1",
    "E": "T.arange(6.0).reshape(3, 2)",
}

CONSTRUCTORS = """
T.sparse_coo_tensor([[0, 1], [1, 0]], [1, 2])
T.sparse_coo_tensor([[0, 1], [1, 0]], [1, 2], (2, 2), dtype=T.float64)
T.sparse_coo_tensor([[0, 1], [1, 0]], [1, 2], (2, 3, 4))
T.sparse_coo_tensor([[0, 1], [1, 0]], [1, 2, 3], (2, 2))
T.sparse_coo_tensor([[0, 1], [1, 0]], 5.0, (2, 2))
T.sparse_coo_tensor((2, 3))
T.sparse_coo_tensor(size=(2, 3))
T.sparse_coo_tensor(T.zeros(2, 0).long(), T.zeros(0))
T.sparse_coo_tensor(T.zeros(1, 0).long(), T.zeros(0, 2), (3, 2))
T.sparse_coo_tensor(T.zeros(0, 1).long(), T.ones(1), ())
T.sparse_coo_tensor([[0, 1], [1, 0]], [1, 2], (2, 2), requires_grad=True)
T.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0], (2, 2), requires_grad=True)
T.sparse_coo_tensor([[1, 0]], [1.0, 2.0], (2,), is_coalesced=True, check_invariants=True)
T.sparse_coo_tensor([[1, 0]], [1.0, 2.0], (1,), check_invariants=True)
T.sparse_csr_tensor([0, 1, 3], [2, 0, 2], [0.3, 0.4, 0.5], (2, 3))
T.sparse_csr_tensor([0, 1, 3], [2, 0, 2], [1, 2, 3])
T.sparse_csr_tensor([0, 1, 3], [2, 0, 4], [1, 2, 3], (2, 3), check_invariants=True)
T.sparse_csr_tensor([0, 1, 3], [2, 2, 0], [1, 2, 3], (2, 3), check_invariants=True)
T.sparse_csr_tensor([0, 1, 3], [2, 0, 2], T.ones(3, 2), (2, 3, 2))
T.sparse_csr_tensor(T.tensor([[0, 1, 3], [0, 2, 3]]), T.tensor([[2, 0, 2], [0, 1, 2]]), T.ones(2, 3), (2, 2, 3))
T.sparse_csr_tensor(T.tensor([[0, 1, 3], [0, 2, 3]]), T.tensor([[2, 0, 2], [0, 1, 2]]), T.ones(2, 3), (2, 2, 3)).to_dense()
T.sparse_csr_tensor(T.tensor([[0, 1, 3], [0, 2, 3]]), T.tensor([[2, 0, 2], [0, 1, 2]]), T.ones(2, 3), (2, 2, 3))[1]
T.sparse_csc_tensor([0, 1, 1, 3], [1, 0, 1], [0.4, 0.3, 0.5], (2, 3))
T.sparse_compressed_tensor([0, 1, 3], [2, 0, 2], [0.3, 0.4, 0.5], (2, 3), layout=T.sparse_csr)
T.sparse_csr_tensor(T.tensor([0, 1]).int(), T.tensor([0]).int(), [1.0], (1, 1)).crow_indices()
T.zeros(2, 3, layout=T.sparse_coo)
T.zeros(2, 3, layout=T.sparse_csr)
T.zeros((2, 3), layout=T.sparse_csc, dtype=T.int64)
T.empty(2, 3, layout=T.sparse_coo)
T.ones(2, 3, layout=T.sparse_coo)
T.sparse.FloatTensor(2, 3)
T.sparse.DoubleTensor(T.tensor([[0, 1], [1, 0]]), T.tensor([1.0, 2.0]).double(), T.Size([2, 3]))
isinstance(S, T.sparse.FloatTensor), isinstance(S, T.Tensor), isinstance(S.double(), T.sparse.FloatTensor)
T.sparse.spdiags(T.arange(6.0).reshape(2, 3), T.tensor([0, -1]), (3, 3))
T.sparse.spdiags(T.arange(6.0).reshape(2, 3), T.tensor([0, 1]), (3, 4), layout=T.sparse_csr)
T.sparse.spdiags(T.arange(3.0), T.tensor(0), (3, 3))
T.sparse.spdiags(T.arange(6.0).reshape(2, 3), T.tensor([0, 0]), (3, 3))
D.to_sparse()
T.eye(3).to_sparse(1)
T.eye(3).to_sparse(0)
T.eye(3).to_sparse(3)
T.eye(3).to_sparse(layout=T.sparse_csr)
T.eye(3).to_sparse_csc()
T.ones(2).to_sparse_csr()
T.ones(2, 2, 2).to_sparse_csr()
T.tensor(3.0).to_sparse()
T.tensor(0.0).to_sparse()
T.tensor(float("nan")).to_sparse()
T.ones(2).coalesce()
T.ones(2).indices()
T.ones(2).values()
T.ones(2).crow_indices()
T.ones(2)._nnz()
T.ones(2).is_coalesced()
T.ones(2).sparse_dim(), T.ones(2).dense_dim(), T.ones(2).is_sparse, T.ones(2).is_sparse_csr
"""

# x is each of S, C, U, H, R
QUESTIONS = """
x.shape, x.size(1), x.dim(), x.ndim, x.numel(), len(x), x.dtype, x.device.type, x.layout, x.element_size(), x.itemsize
x.is_sparse, x.is_sparse_csr, x.is_cuda, x.is_floating_point(), x.is_leaf, x.requires_grad, x.grad, x.is_nested, x.is_complex()
x.sparse_dim(), x.dense_dim(), x._nnz()
x.is_coalesced()
x.indices()
x.values()
x._indices()
x.crow_indices()
x.ccol_indices()
x.col_indices()
repr(x)
repr(x.double())
x.item()
x.tolist()
x.numpy()
x.data_ptr()
x.storage()
x.stride()
x.contiguous()
x.is_contiguous()
bool(x)
x.type()
x.coalesce()
x.to_dense()
x.to_sparse()
x.to_sparse_csr()
x.to_sparse_csc()
x.to_sparse_csc().ccol_indices()
x.to_sparse_csc().to_sparse()
x.to_sparse_csc().to_dense()
x.clone()
x.detach()
x.data
x.double()
x.int()
x.bool()
x.cfloat()
x.to(T.float64)
x.to("cpu")
x.half().to_dense().float()
x.zero_()
T.zeros_like(x)
T.zeros_like(x, dtype=T.int64)
T.empty_like(x)
T.ones_like(x)
x.new_zeros(2, 3)
x.new_tensor([1.0])
x.t()
x.T
x.mT
x.transpose(0, 1)
x.transpose(0, 0)
x.permute(1, 0)
x.reshape(3, 2)
x.view(3, 2)
x.flatten()
x.expand(2, 2, 3)
x.repeat(2, 1)
x.squeeze(0)
x.unsqueeze(0)
x.unsqueeze(1)
x.unsqueeze(-1)
x.unsqueeze(5)
x.select(0, 1)
x.select(1, 9)
x.index_select(0, T.tensor([1, 0, 1]))
x.index_select(1, T.tensor([1, 1]))
x.narrow_copy(0, 0, 2)
x.narrow(0, 0, 1)
x[0]
x[-1]
x[9]
x[1, 1]
x[0, 1]
x[:, 1]
x[..., 0]
x[0:1]
x[T.tensor([0])]
x.unbind()
x.unbind(1)
T.cat([x, x])
T.cat([x, x], 1)
T.cat([x, D])
T.stack([x, x], 1)
x.sum()
x.sum(0)
x.sum(1, True)
x.sum((0, 1))
x.sum(dtype=T.float64)
x.mean()
x.max()
x.norm()
x.norm(1)
x.norm(dim=0)
x.any()
x.any(0)
x.prod(0)
x.cumsum(0)
x.nonzero()
T.sparse.sum(x)
T.sparse.sum(x, 0)
T.sparse.sum(x, (-1, 0))
T.sparse.sum(x, 1, dtype=T.float64)
T.sparse.softmax(x, 0)
T.sparse.softmax(x, 1)
T.sparse.softmax(x, 1, dtype=T.float64)
T.sparse.log_softmax(x, 1)
x.softmax(1)
x == x
x > 0
T.equal(x, x)
2**x
x**2
x.pow(0)
x**-1
x * 2
2 * x
x / 2
x // 2
x + 1
x.div(2, rounding_mode="floor")
x * T.tensor(2.0, dtype=T.float64)
x.int() * 2
x.bool() * 2
x.int() / 2
-x
abs(x)
x.fill_(1)
x.__setitem__(0, 1)
x.requires_grad_()
x.requires_grad_().detach()
T.result_type(x, 1.0)
T.is_tensor(x), T.numel(x), T.is_floating_point(x)
x.where(x > 0, x)
T.nn.functional.relu(x)
T.nn.functional.dropout(x, 0.5, False)
x.add_(x)
x.copy_(x.clone())
D.copy_(x)
"""

UNARY = (
    "abs absolute acos angle arcsin arctan asin asinh atan atanh ceil conj conj_physical cos deg2rad erf erfinv exp expm1 fix floor "
    "frac isinf isnan isneginf isposinf log log1p nan_to_num neg negative positive rad2deg reciprocal relu round sgn sigmoid sign "
    "signbit sin sinh sqrt square tan tanh trunc"
).split()  # fmt: skip

PAIRS = """
D + x
D - x
D * x
x * D
x + D
x - D
D / x
x / D
D.add(x, alpha=2)
D.add_(x, alpha=-1)
D.sub_(x)
D.t().contiguous().t().add_(x)
D.int().add_(x)
D.double() + x
x * T.arange(3.0)
x * T.ones(2, 2, 3)
T.ones(3) + x
C + x
x + C
x - C
x * C
x + R
x * Q
Q * x
C.add_(x)
T.add(C, x, alpha=2)
T.add(C, T.sparse_coo_tensor([[0], [0]], [1.0], (1, 3)))
x @ E
x @ E.double()
x @ D
x @ T.arange(3.0)
x @ x.t()
x @ Q.t()
E @ x
T.ones(2) @ x
T.mm(x, E)
T.mv(x, T.arange(3.0))
T.mv(x, T.arange(2.0))
T.mm(x, T.arange(3.0))
T.spmm(x, E)
T.dsmm(x, E)
T.smm(x, E)
T.hspmm(x, E)
T.hsmm(x, E)
T.sspaddmm(T.eye(2).to_sparse(), x, E)
T.sspaddmm(T.eye(2).to_sparse(), x, E, beta=2, alpha=3)
T.saddmm(T.eye(2).to_sparse(), x, E)
T.sspaddmm(T.eye(2), x, E)
T.addmm(T.ones(2, 2), x, E)
T.addmm(T.ones(2), x, E, beta=0.5, alpha=2)
T.addmm(T.full((2, 2), float("nan")), x, E, beta=0)
T.addmm(T.eye(2).to_sparse(), x, E)
T.sparse.mm(x, E)
T.sparse.mm(E, x)
T.sparse.mm(x, x.t())
T.sparse.mm(x, E, "mean")
T.sparse.mm(x, E, "amax")
T.sparse.mm(x, E, "sum")
T.sparse.mm(x, E, "amin")
T.sparse.addmm(T.ones(2, 2), x, E, beta=2.0, alpha=3.0)
T.sparse.sampled_addmm(x, T.ones(2, 2), T.ones(2, 3))
T.sparse.sampled_addmm(x, T.ones(2, 2), T.ones(2, 3), beta=0.5, alpha=2.0)
T.bmm(T.stack([x, x]), T.ones(2, 3, 2))
T.nn.functional.linear(x, T.ones(4, 3))
T.nn.functional.linear(x, T.ones(4, 3), T.ones(4))
T.nn.functional.linear(T.ones(4, 3), x)
D.sparse_mask(x)
D.sparse_mask(D)
E.sparse_mask(x)
Q.sparse_mask(x)
x.sparse_resize_((4, 4), 2, 0)
x.sparse_resize_((1, 1), 2, 0)
x.sparse_resize_and_clear_((4, 4), 1, 1)
x.resize_as_sparse_(T.eye(4).to_sparse())
x.t_()
x.transpose_(0, 1)
"""

# Where the results may differ: torch keeps an order of its own in sums of what is not coalesced and in products by rows, does less
# (an error) or more (a pattern of old elements) with compressed tensors, and forgets or keeps what it knows of order.
DIFFERENT = {
    "C + U", "U + C", "U - C", "C.add_(U)", "C + S", "S + C", "S - C", "C.add_(S)", "T.add(C, S, alpha=2)", "T.add(C, U, alpha=2)",
    "S.add_(S)", "U.add_(U)", "H.add_(H)", "x * T.ones(2, 2, 3)", "U * T.ones(2, 2, 3)", "T.angle(R)",
    "S * T.ones(2, 2, 3)", "R @ R.t()", "T.sparse.mm(R, R.t())", "R.is_contiguous()", "R.type()", "T.empty_like(R)",
    "T.ones_like(R)", "R.fill_(1)", "R.new_tensor([1.0])", "R.unsqueeze(5)",
    "D.t().contiguous().t().add_(R)", "R * T.arange(3.0)",
}  # fmt: skip

GRADIENTS = """
s.to_dense()
T.sparse.mm(s, E)
s.coalesce().values()
D * s
s * 2
s + s
T.sparse.sum(s)
T.sparse.sum(s, 0)
T.sparse.softmax(s, 1)
T.sparse.log_softmax(s, 0)
s.t()
s.abs()
s.relu()
-s
T.sparse.mm(s, s.t())
s.to_sparse_csr()
s.double()
s.clone()
s.sparse_mask(C)
s / 2
s**2
s.log1p()
T.sparse.addmm(T.ones(2, 2), s, E)
T.sparse.mm(s, E) + T.sparse.mm(s, E)
"""

VALUES = """
T.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], v, (2, 3)).to_dense()
T.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], v, (2, 3)).coalesce().values()
T.sparse_coo_tensor([[0, 1, 1], [2, 2, 2]], v, (2, 3)).coalesce().values()
T.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], v, (2, 3)) @ E
T.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], v, (2, 3)) @ T.arange(3.0)
T.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], v, (2, 3)).sum()
D + T.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], v, (2, 3))
T.ones(2, 2) @ T.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], v, (2, 3))
T.addmm(T.ones(2, 2), T.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], v, (2, 3)), E)
T.sparse_csr_tensor([0, 1, 3], [2, 0, 2], v, (2, 3)) @ E
T.sparse_csr_tensor([0, 1, 3], [2, 0, 2], v, (2, 3)).to_dense()
(v[:, None] * T.ones(3, 3)).to_sparse().to_dense()
T.sparse.mm(S, v[:, None])
S @ v
R @ v
T.sparse.mm(R, v[:, None])
T.sparse.mm(R, v[:, None], "mean")
T.sparse.mm(R, v[:, None], "amax")
v[None].sparse_mask(T.tensor([[0.0, 1, 1]]).to_sparse()).to_dense()
T.sparse.sampled_addmm(T.eye(3).to_sparse_csr(), v[:, None], v[None]).to_dense()
"""
