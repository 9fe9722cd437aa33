"""Linear algebra beyond single calls: phases, singular matrices, factors of complex matrices, large sizes."""

import numpy as np
import pytest

from tests.frame import fl, from_numpy, to_numpy


def drawn(*shape, seed=0, dtype="complex128"):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape)
    if dtype == "complex128":
        values = values + 1j * rng.standard_normal(shape)
    return from_numpy(values, dtype)


@pytest.mark.parametrize("name", ["eig", "eigh", "svd"])
def test_loss_that_depends_on_the_phase_is_refused(name):
    """Complex vectors are determined up to a phase: a loss that sees it has no derivative."""
    a = drawn(3, 3)
    a = (a + a.mH if name == "eigh" else a).requires_grad_()
    vectors = getattr(fl.linalg, name)(a)[0 if name == "svd" else 1]
    with pytest.raises(RuntimeError, match="specified up to multiplication by e"):
        (vectors * drawn(3, 3, seed=5)).sum().abs().backward()


def test_qr_says_where_it_has_no_derivative():
    a = drawn(4, 3).requires_grad_()
    with pytest.raises(RuntimeError, match="mode='complete'"):
        fl.linalg.qr(a, "complete")[0].sum().abs().backward()
    with pytest.raises(RuntimeError, match="mode='r'"):
        fl.linalg.qr(a, "r")[1].sum().abs().backward()


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_determinant_of_singular_matrix_has_its_cofactors_as_gradient(dtype):
    a = from_numpy(np.diag([1.0, 2.0, 0.0]), dtype).requires_grad_()
    value = fl.linalg.det(a)
    (grad,) = fl.autograd.grad(value.real if dtype == "complex128" else value, a)
    np.testing.assert_allclose(to_numpy(grad), np.diag([0.0, 0.0, 2.0]), atol=1e-12)


def test_second_derivative_of_singular_determinant():
    a = fl.diag(fl.tensor([1.0, 2.0, 0.0], dtype=fl.float64)).requires_grad_()
    (first,) = fl.autograd.grad(fl.linalg.det(a), a, create_graph=True)
    (second,) = fl.autograd.grad(first[2, 2], a)
    np.testing.assert_allclose(to_numpy(second), np.diag([2.0, 1.0, 0.0]), atol=1e-12)


@pytest.mark.parametrize("hermitian", [False, True])
def test_ldl_of_complex_matrices(hermitian):
    a = drawn(3, 7, 7)
    a = a + (a.mH if hermitian else a.mT)
    a[0, 0, 0] = 0  # asks for a block of two rows
    factors = fl.linalg.ldl_factor(a, hermitian=hermitian)
    assert (to_numpy(factors.pivots)[0] < 0).any()
    b = drawn(3, 7, 2, seed=1)
    x = fl.linalg.ldl_solve(*factors, b, hermitian=hermitian)
    np.testing.assert_allclose(to_numpy(a @ x), to_numpy(b), atol=1e-10)


def test_factors_larger_than_a_block():
    a = drawn(100, 70, dtype="float64")
    p, lower, upper = fl.linalg.lu(a)
    np.testing.assert_allclose(to_numpy(p @ lower @ upper), to_numpy(a), atol=1e-12)
    square = a[:70]
    b = drawn(70, 3, dtype="float64", seed=2)
    x = fl.linalg.solve_triangular(square + 20 * fl.eye(70), b, upper=False)
    np.testing.assert_allclose(to_numpy((square + 20 * fl.eye(70)).tril() @ x), to_numpy(b), atol=1e-10)


def test_singular_matrices_in_a_stack_leave_the_others_right():
    a = fl.stack([fl.eye(2) * 2, fl.zeros(2, 2)])
    inverse, info = fl.linalg.inv_ex(a)
    assert info.tolist() == [0, 1] and inverse[0].tolist() == [[0.5, 0], [0, 0.5]]
    x, info = fl.linalg.solve_ex(a, fl.ones(2, 1))
    assert info.tolist() == [0, 1] and x[0].flatten().tolist() == [0.5, 0.5]
    lower, info = fl.linalg.cholesky_ex(fl.stack([fl.eye(2), -fl.eye(2)]))
    assert info.tolist() == [0, 1] and lower[0].tolist() == [[1, 0], [0, 1]]


def test_out_of_several_results_and_wrong_dtype():
    a = drawn(3, 3, dtype="float64")
    u, s, v = (fl.empty(0, dtype=fl.float64) for _ in range(3))
    assert fl.linalg.svd(a, out=(u, s, v)).S is s
    np.testing.assert_allclose(to_numpy(u * s @ v), to_numpy(a), atol=1e-12)
    with pytest.raises(RuntimeError):
        fl.linalg.inv(a, out=fl.empty(3, 3, dtype=fl.int64))


def test_gradient_of_one_output_alone():
    """Unused results cost no gradient, and are not taken for zeros that could spoil the others."""
    a = drawn(3, 3, dtype="float64").requires_grad_()
    fl.linalg.svd(a).S.sum().backward()
    repeated = fl.eye(3, dtype=fl.float64).requires_grad_()
    fl.linalg.svd(repeated).S.sum().backward()  # no vectors: repeated values do no harm
    assert np.isfinite(to_numpy(repeated.grad)).all() and np.isfinite(to_numpy(a.grad)).all()


def test_numpys_threads_are_given_back():
    from flambeau.ops._host import _blas_threads, one_thread

    found = _blas_threads()
    if found is None:  # NumPy with another BLAS
        return
    before = found[0]()
    with one_thread():
        assert found[0]() == 1
    fl.linalg.eigvalsh(fl.eye(3))
    assert found[0]() == before


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("n", [1, 31, 32, 33, 100, 200])
def test_systems_across_blocks(n, dtype):
    """Sizes around those of the blocks that LU factors and triangular systems are computed by."""
    a, b = drawn(2, n, n, dtype="complex128"), drawn(2, n, 3, seed=1, dtype="complex128")
    if dtype != "complex128":
        a, b = a.real.to(getattr(fl, dtype)), b.real.to(getattr(fl, dtype))
    tolerance = {"rtol": 0, "atol": 2e-2 if dtype == "float32" else 1e-9}
    np.testing.assert_allclose(to_numpy(a @ fl.linalg.solve(a, b)), to_numpy(b), **tolerance)
    p, low, up = fl.linalg.lu(a.mT[:, :, : n // 2 + 1])
    np.testing.assert_allclose(to_numpy(p @ low @ up), to_numpy(a.mT[:, :, : n // 2 + 1]), **tolerance)
    for upper in (False, True):
        t = (a.triu() if upper else a.tril()) / n + fl.eye(n, dtype=a.dtype)
        x = fl.linalg.solve_triangular(t, b, upper=upper)
        np.testing.assert_allclose(to_numpy(t @ x), to_numpy(b), **tolerance)


def test_einsum_of_one_tensor_is_a_view_of_it():
    x = fl.rand(2, 3)
    same = fl.einsum("ij->ij", x)
    assert same is not x and same.data_ptr() == x.data_ptr() and same.tolist() == x.tolist()
    assert fl.einsum("ij->ji", x).tolist() == x.T.tolist()
