"""Names with an underscore that copies of torch's layers import from nn.functional, and overridden methods of layers."""

from . import outcome


def case_masks(lib):
    F = lib.nn.functional
    mask, results = lib.tensor([[True, False]]), []
    for value in (mask, mask.int(), mask.double(), None):
        for other in (None, lib.float64):
            for check in (True, False):
                results.append(outcome(F._canonical_mask, value, "a", other, "b", lib.float32, check))
    results += [F._none_or_dtype(None), str(F._none_or_dtype(mask))[6:], outcome(F._none_or_dtype, 3)]
    return results


def case_shapes(lib):
    F, results = lib.nn.functional, []
    q = lib.ones(3, 2, 4)
    for query in (q, q[0], q[0, 0]):
        for key in (q, q[0]):
            for padding in (None, lib.ones(2), lib.ones(2, 2)):
                for mask in (None, lib.ones(2), lib.ones(2, 2), lib.ones(2, 2, 2), lib.ones(1, 2, 2)):
                    results.append(outcome(F._mha_shape_check, query, key, key, padding, mask, 2))
    return results


def case_projections(lib):
    F, results = lib.nn.functional, []
    lib.manual_seed(0)
    q, k, v = lib.randn(2, 3, 4), lib.randn(5, 3, 4), lib.randn(5, 3, 4)
    w, b = lib.randn(12, 4), lib.randn(12)
    for inputs in ((q, q, q), (q, k, k), (q, k, v)):
        for bias in (None, b):
            results.append(F._in_projection_packed(*inputs, w, bias))
    results += [
        outcome(F._in_projection, q, k, v, *w.chunk(3)),
        outcome(F._in_projection, q, k, v, *w.chunk(3), *b.chunk(3)),
    ]
    results += [outcome(F._in_projection, q, k, v, w, w, w), outcome(F._in_projection, q, k, v, *w.chunk(3), b, b, b)]
    return results


def case_small_ones(lib):
    F = lib.nn.functional
    results = [outcome(F._get_softmax_dim, "softmax", d, 3) for d in range(5)]
    for size in ([1, 3], [1, 3, 2], [1, 3, 1], [2, 3]):
        results += [outcome(F._verify_batch_size, size), outcome(F._verify_spatial_size, size)]
    return results


def case_overridden(lib):
    """Subclasses that call parts of their base classes."""
    nn = lib.nn
    lib.manual_seed(0)

    class Table(nn.Embedding):
        def reset_parameters(self):
            nn.init.ones_(self.weight)
            self._fill_padding_idx_with_zero()

    class Weighted(nn.Conv2d):
        def forward(self, x):
            return self._conv_forward(x, self.weight * 2, self.bias)

    class Up(nn.ConvTranspose2d):
        def forward(self, x, size):
            extra = self._output_padding(x, size, self.stride, self.padding, self.kernel_size, 2, self.dilation)
            return nn.functional.conv_transpose2d(
                x, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
            )

    x = lib.ones(1, 2, 4, 4)
    return [
        Table(3, 2, padding_idx=1), Weighted(2, 2, 3, padding=1, padding_mode="circular")(x), Up(2, 2, 3, stride=2)(x, [10, 9]), outcome(Up(2, 2, 3, stride=2), x, [12, 9]),
        outcome(Up(2, 2, 3, stride=2), x, [9]), nn.Linear.__constants__, nn.Conv2d.__constants__, nn.BatchNorm2d.__constants__, nn.Linear(1, 1)._compiled_call_impl,
    ]  # fmt: skip
