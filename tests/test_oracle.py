"""Where torch is installed: dtype, shape, strides and value of every row's calls are torch's."""

import importlib

import numpy as np
import pytest

from tests.frame import call, dtype_name, fl, is_tensor, kind, load_rows, make, outputs, to_numpy, walk

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle
ROWS = [row for row in load_rows() if not row.random]
LOOSE = {"float32": (1e-5, 1e-5), "complex64": (1e-5, 1e-5), "float16": (4e-3, 4e-3), "bfloat16": (3e-2, 3e-2)}


def torch_function(name):
    value = torch
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def to_torch(value):
    if is_tensor(value):
        made = torch.from_numpy(to_numpy(value)).to(getattr(torch, dtype_name(value)))
        return made.as_strided(value.shape, value.stride()) if made.numel() and value.is_contiguous() else made
    if isinstance(value, fl.dtype):
        return getattr(torch, dtype_name(value))
    return value


def torch_numpy(value):
    value = value.detach()
    return (value.float() if value.dtype in (torch.bfloat16, torch.float16) else value.resolve_conj()).numpy()


# Where torch's result is not the only right one.
FREE_STRIDES = {
    "argwhere": "the size depends on data",
    "nonzero": "the size depends on data",
    "unique": "the size depends on data",
    "linalg.lstsq": "torch shows a part of LAPACK's buffer",
    "norm_except_dim": "of dimensions of size 1",
    "nn.functional.pad": "torch makes a view of negative padding alone",
}
FREE_INDICES = {  # the values are compared here; that the indices lead to them is in tests/ops/sorting.py
    "sort": "torch does not promise an order among equal values",
    "topk": "torch does not promise an order among equal values",
}
FREE_VALUES = {  # vectors up to a sign or phase: tests/ops/linalg.py checks what they are for
    "geqrf", "linalg.eig", "linalg.eigh", "linalg.eigvals", "linalg.qr", "linalg.svd", "lobpcg", "pca_lowrank", "qr",
    "svd", "svd_lowrank",
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
@pytest.mark.filterwarnings("ignore")  # of what torch calls deprecated
def test_like_torch(row):
    function = torch_function(row.name)
    if function is None:
        return
    for sample in row.list_samples():
        for dtype in row.dtypes:
            args, kwargs = make(sample, dtype)
            context = f"{row.name}{sample} {dtype}"
            try:
                expected = outputs(function(*walk(args, to_torch), **walk(kwargs, to_torch)))
            except NotImplementedError:  # torch has no kernel for this dtype
                continue
            for position, (value, want) in enumerate(zip(outputs(call(row, args, kwargs)), expected, strict=True)):
                if not is_tensor(value):
                    continue
                assert (dtype_name(value), tuple(value.shape)) == (dtype_name(want), tuple(want.shape)), context
                if row.name in FREE_INDICES and position == 1:
                    continue
                if want.numel() and row.name not in FREE_STRIDES:
                    assert value.stride() == want.stride(), f"{context}: strides"
                if "empty" in row.name or row.name in FREE_VALUES:
                    continue
                name = dtype_name(value)
                relative, absolute = LOOSE.get(name, (1e-8, 1e-8) if kind(name) >= 2 else (0, 0))
                relative, absolute = np.maximum((relative, absolute), row.tol.get(name, (0, 0)))
                np.testing.assert_allclose(to_numpy(value), torch_numpy(want), relative, absolute, err_msg=context)


def test_oracle_version():
    assert importlib.import_module("torch").__version__.startswith("2.13")
