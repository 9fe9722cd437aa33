"""Named results: tuples whose items are also attributes, as in torch.return_types.

>>> flambeau.max(flambeau.tensor([[1, 3], [4, 2]]), 1).indices
tensor([1, 0])
"""

from operator import itemgetter

__all__ = []


def named(name, *fields, call, shown):
    """A tuple class with the given fields, made from one sequence of values.

    Its example makes one by `call` (of x = [3., 1., 2.]), whose fields are tensors of what is `shown`.
    """
    values = ",\n".join(f"{field}=tensor({value})" for field, value in zip(fields, shown))

    def show(self):
        return f"torch.return_types.{name}(\n" + ",\n".join(f"{f}={v!r}" for f, v in zip(fields, self)) + ")"

    body = {field: property(itemgetter(i)) for i, field in enumerate(fields)}
    body |= {"__slots__": (), "__repr__": show, "_fields": fields, "__module__": "flambeau.return_types"}
    body |= {
        "__reduce__": lambda self: (type(self), (tuple(self),)),
        "__doc__": f"""Result of {name}: {", ".join(fields)}.

>>> x = flambeau.tensor([3.0, 1.0, 2.0])
>>> flambeau.{call}
torch.return_types.{name}(
{values})
""",
    }
    kind = type(name, (tuple,), body)
    kind.n_fields = kind.n_sequence_fields = len(fields)
    kind.n_unnamed_fields = 0
    __all__.append(name)
    return kind


aminmax = named("aminmax", "min", "max", call="aminmax(x)", shown=("1.", "3."))
cummax = named("cummax", "values", "indices", call="cummax(x, 0)", shown=("[3., 3., 3.]", "[0, 0, 0]"))
cummin = named("cummin", "values", "indices", call="cummin(x, 0)", shown=("[3., 1., 1.]", "[0, 1, 1]"))
frexp = named(
    "frexp", "mantissa", "exponent", call="frexp(x)", shown=("[0.7500, 0.5000, 0.5000]", "[2, 1, 2], dtype=torch.int32")
)
histogram = named("histogram", "hist", "bin_edges", call="histogram(x, 2)", shown=("[1., 2.]", "[1., 2., 3.]"))
kthvalue = named("kthvalue", "values", "indices", call="kthvalue(x, 2)", shown=("2.", "2"))
max = named("max", "values", "indices", call="max(x, 0)", shown=("3.", "0"))
median = named("median", "values", "indices", call="median(x, 0)", shown=("2.", "2"))
min = named("min", "values", "indices", call="min(x, 0)", shown=("1.", "1"))
mode = named("mode", "values", "indices", call="mode(x)", shown=("1.", "1"))
nanmedian = named("nanmedian", "values", "indices", call="nanmedian(x, 0)", shown=("2.", "2"))
sort = named("sort", "values", "indices", call="sort(x)", shown=("[1., 2., 3.]", "[1, 2, 0]"))
topk = named("topk", "values", "indices", call="topk(x, 2)", shown=("[3., 2.]", "[0, 2]"))


histogramdd = named(
    "histogramdd", "hist", "bin_edges", call="histogramdd(x[:, None], 2)", shown=("[1., 2.]", "[1., 2., 3.]")
)
histogramdd.__doc__ = histogramdd.__doc__.replace(
    "bin_edges=tensor([1., 2., 3.]))", "bin_edges=(tensor([1., 2., 3.]),))"
)
# Linear algebra, shown for a matrix of one element.
_linalg = {
    "geqrf": ("a tau", "geqrf", "[[1.]] [0.]"),
    "linalg_cholesky_ex": ("L info", "linalg.cholesky_ex", "[[1.]] 0,_dtype=torch.int32"),
    "linalg_eig": ("eigenvalues eigenvectors", "linalg.eig", "[1.+0.j] [[1.+0.j]]"),
    "linalg_eigh": ("eigenvalues eigenvectors", "linalg.eigh", "[1.] [[1.]]"),
    "linalg_inv_ex": ("inverse info", "linalg.inv_ex", "[[1.]] 0,_dtype=torch.int32"),
    "linalg_ldl_factor": ("LD pivots", "linalg.ldl_factor", "[[1.]] [1],_dtype=torch.int32"),
    "linalg_ldl_factor_ex": (
        "LD pivots info", "linalg.ldl_factor_ex", "[[1.]] [1],_dtype=torch.int32 0,_dtype=torch.int32",
    ),
    "linalg_lu": ("P L U", "linalg.lu", "[[1.]] [[1.]] [[1.]]"),
    "linalg_lu_factor": ("LU pivots", "linalg.lu_factor", "[[1.]] [1],_dtype=torch.int32"),
    "linalg_lu_factor_ex": (
        "LU pivots info", "linalg.lu_factor_ex", "[[1.]] [1],_dtype=torch.int32 0,_dtype=torch.int32",
    ),
    "linalg_qr": ("Q R", "linalg.qr", "[[1.]] [[1.]]"),
    "linalg_slogdet": ("sign logabsdet", "linalg.slogdet", "1. 0."),
    "linalg_svd": ("U S Vh", "linalg.svd", "[[1.]] [1.] [[1.]]"),
    "qr": ("Q R", "qr", "[[1.]] [[1.]]"),
    "slogdet": ("sign logabsdet", "slogdet", "1. 0."),
    "svd": ("U S V", "svd", "[[1.]] [1.] [[1.]]"),
}  # fmt: skip
for _name, (_fields, _function, _shown) in _linalg.items():
    _values = tuple(v.replace("_", " ") for v in _shown.split())
    globals()[_name] = named(_name, *_fields.split(), call=f"{_function}(flambeau.ones(1, 1))", shown=_values)

_ONES = "flambeau.ones(1, 1), flambeau.ones(1, 1)"
_lu_with_info = named(
    "_lu_with_info", "LU", "pivots", "info",
    call="lu(flambeau.ones(1, 1), get_infos=True)", shown=("[[1.]]", "[1], dtype=torch.int32", "0, dtype=torch.int32"),
)  # fmt: skip
linalg_lstsq = named(
    "linalg_lstsq", "solution", "residuals", "rank", "singular_values",
    call=f"linalg.lstsq({_ONES})", shown=("[[1.]]", "[]", "1", "[]"),
)  # fmt: skip
linalg_solve_ex = named(
    "linalg_solve_ex", "result", "info", call=f"linalg.solve_ex({_ONES})", shown=("[[1.]]", "0, dtype=torch.int32")
)
lu_unpack = named(
    "lu_unpack", "P", "L", "U",
    call="lu_unpack(flambeau.ones(1, 1), flambeau.ones(1, dtype=flambeau.int32))", shown=("[[1.]]", "[[1.]]", "[[1.]]"),
)  # fmt: skip
triangular_solve = named(
    "triangular_solve", "solution", "cloned_coefficient",
    call=f"triangular_solve({_ONES})", shown=("[[1.]]", "[[1.]]"),
)  # fmt: skip
