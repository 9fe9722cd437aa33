"""Views as copies, writes into views as new tensors, and the in-place writes themselves."""

import numpy as np

from tests.frame import ALL, COMPLEX, FLOATS, INTS, Row, Sample, tensor
from tests.ops import shape

BOTH = ("float64", "complex128")
VIEWS = {row.name.rpartition(".")[2]: row for row in shape.VIEWS}


def copy_of(name, samples=None):
    """name_copy: the values and gradients of the view."""
    view = VIEWS[name]
    chosen = samples or view.list_samples()
    return Row(
        f"{name}_copy",
        view.ref,
        chosen,
        dtypes=ALL,
        differentiable=("float64",),
        method=False,
        contiguous_only=view.contiguous_only,
    )


def scatter(name, write, samples, **fields):
    """name_scatter: a copy of the first tensor in which the view of it holds the second."""

    def reference(x, source, *args, **kwargs):
        result = np.array(x)
        write(result, source, *args, **kwargs)
        return result

    return Row(f"{name}_scatter", reference, samples, dtypes=ALL, **fields)


def write_diagonal(x, source, offset=0, dim1=0, dim2=1):
    view = np.diagonal(x, offset, dim1, dim2)
    view.setflags(write=True)
    view[...] = source


def write_slice(x, source, dim=0, start=None, end=None, step=1):
    x[(slice(None),) * dim + (slice(start, end, step),)] = source


def write_select(x, source, dim, position):
    x[(slice(None),) * (dim % x.ndim) + (position,)] = source


def write_strided(x, source, size, stride, storage_offset=0):
    places = shape.np_as_strided(np.arange(x.size), size, stride, storage_offset)
    x.reshape(-1)[places] = source


COPIES = [
    *(
        copy_of(name)
        for name in (
            "as_strided",
            "diagonal",
            "permute",
            "select",
            "squeeze",
            "t",
            "transpose",
            "unbind",
            "unfold",
            "unsqueeze",
        )
    ),
    copy_of("expand", [Sample(tensor(3, 1), (3, 4)), Sample(tensor(), (2, 2))]),
    Row(
        "view_as_real_copy",
        lambda x: np.stack([x.real, x.imag], -1),
        [Sample(tensor(2, 3)), Sample(tensor())],
        dtypes=COMPLEX,
        result=lambda dtype: {"complex64": "float32", "complex128": "float64"}[dtype],
        differentiable=("complex128",),
        method=False,
    ),
    Row(
        "view_as_complex_copy",
        lambda x: x[..., 0] + 1j * x[..., 1],
        [Sample(tensor(3, 2)), Sample(tensor(2))],
        dtypes=("float32", "float64"),
        result=lambda dtype: {"float32": "complex64", "float64": "complex128"}[dtype],
        contiguous_only=True,
        method=False,
    ),
    copy_of("split", [Sample(tensor(5, 3), 2), Sample(tensor(2, 6), 3, 1)]),
    Row(
        "split_with_sizes",
        shape.np_split,
        [Sample(tensor(5, 3), [1, 4]), Sample(tensor(2, 5), (0, 5), 1)],
        dtypes=ALL,
        differentiable=BOTH,
        view=True,
    ),
    Row(
        "split_with_sizes_copy",
        shape.np_split,
        [Sample(tensor(5, 3), [1, 4])],
        dtypes=ALL,
        differentiable=BOTH,
        method=False,
    ),
    Row("narrow_copy", VIEWS["narrow"].ref, VIEWS["narrow"].list_samples()[:2], dtypes=ALL, differentiable=BOTH),
    Row(
        "alias_copy", np.array, [Sample(tensor(2, 3)), Sample(tensor())], dtypes=ALL, differentiable=BOTH, method=False
    ),
    Row(
        "slice_copy",
        lambda x, dim=0, start=None, end=None, step=1: x[(slice(None),) * dim + (slice(start, end, step),)],
        [Sample(tensor(5)), Sample(tensor(5), 0, 1, 4, 2), Sample(tensor(2, 5), 1, -3), Sample(tensor(3), 0, 2, 2)],
        dtypes=ALL,
        differentiable=BOTH,
        method=False,
    ),
    Row("detach_copy", np.array, [Sample(tensor(2, 3)), Sample(tensor())], dtypes=ALL, differentiable=(), method=False),
    Row("detach", np.array, [Sample(tensor(2, 3)), Sample(tensor())], dtypes=ALL, differentiable=(), view=True),
    Row(
        "fill",
        lambda x, v: np.full(np.shape(x), v),
        [Sample(tensor(2, 3), 2), Sample(tensor(), True)],
        dtypes=ALL,
        method=False,
    ),
    Row(
        "numel",
        lambda x: np.size(x),
        [Sample(tensor(2, 3)), Sample(tensor()), Sample(tensor(0))],
        differentiable=(),
        dtypes=ALL,
    ),
]

SCATTERS = [
    scatter(
        "diagonal",
        write_diagonal,
        [
            Sample(tensor(3, 4), tensor(3)),
            Sample(tensor(3, 4), tensor(3), 1),
            Sample(tensor(2, 3, 4), tensor(2, 3), 0, 1, 2),
        ],
    ),
    scatter("select", write_select, [Sample(tensor(3, 4), tensor(4), 0, 1), Sample(tensor(3, 4), tensor(3), -1, -1)]),
    scatter(
        "slice",
        write_slice,
        [
            Sample(tensor(5, 3), tensor(2, 3), 0, 1, 3),
            Sample(tensor(3, 5), tensor(3, 2), 1, 0, 4, 2),
            Sample(tensor(2, 3), tensor(2, 3)),
        ],
    ),
    scatter(
        "as_strided",
        write_strided,
        [Sample(tensor(12), tensor(3, 3), (3, 3), (4, 1)), Sample(tensor(12), tensor(2), (2,), (3,), 2)],
        contiguous_only=True,
    ),
]

WRITES = [
    Row(
        "Tensor.copy_",
        lambda x, y: np.broadcast_to(y, np.shape(x)),
        [
            Sample(tensor(2, 3), tensor(2, 3)),
            Sample(tensor(2, 3), tensor(3)),
            Sample(tensor(2, 3), tensor()),
            Sample(tensor(), tensor()),
            Sample(tensor(0, 3), tensor(3)),
        ],
        dtypes=ALL,
        differentiable=BOTH,
        method=False,
        covers=("CopySlices", "AccumulateGrad", "copy_"),
    ),
    Row(
        "Tensor.fill_",
        lambda x, v: np.full(np.shape(x), v),
        [Sample(tensor(2, 3), 2), Sample(tensor(), True), Sample(tensor(0), 1)],
        dtypes=ALL,
        method=False,
    ),
    Row(
        "zero_", np.zeros_like, [Sample(tensor(2, 3)), Sample(tensor()), Sample(tensor(0))], dtypes=ALL, method="zero_"
    ),
    Row(
        "Tensor.to",
        lambda x, dtype: x,
        [Sample(tensor(2, 3), "fl.float64"), Sample(tensor(), "fl.float64")],
        dtypes=FLOATS + INTS,
        result="float64",
        method=False,
    ),
    Row(
        "Tensor.type_as",
        lambda x, y: x,
        [Sample(tensor(2, 3), tensor(1, dtype="float64", grad=False))],
        dtypes=FLOATS,
        result="float64",
        method=False,
    ),
]
ROWS = COPIES + SCATTERS + WRITES
