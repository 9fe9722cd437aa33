"""Batch normalisation."""

import flambeau
from flambeau.nn import functional as F
from flambeau.nn import init
from flambeau.nn.parameter import Parameter, UninitializedBuffer, UninitializedParameter

from .lazy import LazyModuleMixin
from .module import Module

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "SyncBatchNorm",
]


class _NormBase(Module):
    """What batch and instance normalisation share: affine parameters and running statistics."""

    __constants__ = ["track_running_stats", "momentum", "eps", "num_features", "affine"]

    _version = 2

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__()
        where = {"device": device, "dtype": dtype}
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(
                name,
                Parameter(flambeau.empty(num_features, **where)) if wanted else None,
            )
        self._register_statistics(where)
        self.reset_parameters()

    def _register_statistics(self, where):
        tracked = self.track_running_stats
        n = self.num_features
        self.register_buffer("running_mean", flambeau.zeros(n, **where) if tracked else None)
        self.register_buffer("running_var", flambeau.ones(n, **where) if tracked else None)
        count = flambeau.tensor(0, dtype=flambeau.long, device=where["device"]) if tracked else None
        self.register_buffer("num_batches_tracked", count)

    def reset_running_stats(self):
        """Sets the running mean to 0, the variance to 1 and the count to 0."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self):
        """Resets the statistics, and sets the weight to 1 and the bias to 0."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input):
        raise NotImplementedError

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self,
        state_dict,
        prefix,
        local_metadata,
        strict,
        missing_keys,
        unexpected_keys,
        error_msgs,
    ):
        version = local_metadata.get("version")
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            counted = self.num_batches_tracked is not None and self.num_batches_tracked.device.type != "meta"
            state_dict[key] = self.num_batches_tracked if counted else flambeau.tensor(0, dtype=flambeau.long)
        super()._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )


class _BatchNorm(_NormBase):
    """The forward of all batch normalisations."""

    def forward(self, input):
        self._check_input_dim(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # a plain average over all batches
                factor = 1.0 / float(self.num_batches_tracked)
        keep = not self.training or self.track_running_stats
        use_batch = self.training or (self.running_mean is None and self.running_var is None)
        return F.batch_norm(
            input,
            self.running_mean if keep else None,
            self.running_var if keep else None,
            self.weight,
            self.bias,
            use_batch,
            factor,
            self.eps,
        )


class _LazyNormBase(LazyModuleMixin, _NormBase):
    """Normalisation whose num_features comes from the first input."""

    weight: UninitializedParameter
    bias: UninitializedParameter

    def __init__(
        self,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(0, eps, momentum, False, False, device, dtype)
        where = {"device": device, "dtype": dtype}
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(**where)
            if bias:
                self.bias = UninitializedParameter(**where)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**where)
            self.running_var = UninitializedBuffer(**where)
            self.num_batches_tracked = flambeau.tensor(0, dtype=flambeau.long, device=device)

    def reset_parameters(self):
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input):
        if not self.has_uninitialized_params():
            return
        self.num_features = input.shape[1]
        for tensor in (self.weight, self.bias, self.running_mean, self.running_var):
            if tensor is not None:
                tensor.materialize((self.num_features,))
        self.reset_parameters()


def _require_dims(input, *allowed):
    if input.dim() not in allowed:
        names = " or ".join(f"{n}D" for n in allowed)
        raise ValueError(f"expected {names} input (got {input.dim()}D input)")


class BatchNorm1d(_BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, mean and variance over batch and length (Ioffe, Szegedy 2015).

    In training the batch's statistics are used, and the running ones follow:
    running = (1 - momentum) running + momentum batch (unbiased variance). In evaluation the running ones are used.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: weight of a new batch; None gives the plain average over all batches.
        affine: whether to have weight and bias.
        track_running_stats: whether to keep running statistics.
        bias: whether to have a bias, if affine.

    Shape:
        (N, C) or (N, C, L), both ways.

    Example::

        >>> flambeau.nn.BatchNorm1d(3)(flambeau.ones(4, 3)).shape
        torch.Size([4, 3])
    """

    def _check_input_dim(self, input):
        _require_dims(input, 2, 3)


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for images: mean and variance of each channel over batch, height and width.

    Args:
        num_features, eps, momentum, affine, track_running_stats, bias: see `BatchNorm1d`.

    Shape:
        (N, C, H, W), both ways.

    Example::

        >>> flambeau.nn.BatchNorm2d(3)(flambeau.ones(2, 3, 4, 4)).shape
        torch.Size([2, 3, 4, 4])
    """

    def _check_input_dim(self, input):
        _require_dims(input, 4)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` for volumes: mean and variance of each channel over batch, depth, height and width.

    Args:
        num_features, eps, momentum, affine, track_running_stats, bias: see `BatchNorm1d`.

    Shape:
        (N, C, D, H, W), both ways.

    Example::

        >>> flambeau.nn.BatchNorm3d(2)(flambeau.ones(2, 2, 3, 3, 3)).shape
        torch.Size([2, 2, 3, 3, 3])
    """

    def _check_input_dim(self, input):
        _require_dims(input, 5)


class SyncBatchNorm(_BatchNorm):
    """`BatchNorm` over all processes of a group; with one process, on the CPU, it is batch normalisation.

    Args:
        num_features, eps, momentum, affine, track_running_stats, bias: see `BatchNorm1d`.
        process_group: the processes to average over.

    Shape:
        (N, C, *), both ways.

    Example::

        >>> flambeau.nn.SyncBatchNorm(3)(flambeau.ones(2, 3, 4)).shape
        torch.Size([2, 3, 4])
    """

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        process_group=None,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(
            num_features,
            eps,
            momentum,
            affine,
            track_running_stats,
            device,
            dtype,
            bias=bias,
        )
        self.process_group = process_group

    def _check_input_dim(self, input):
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module, process_group=None):
        """Replaces every BatchNorm of a model by a SyncBatchNorm with the same parameters; returns the model."""
        result = module
        if isinstance(module, _BatchNorm):
            result = cls(
                module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats,
                process_group, bias=module.bias is not None,
            )  # fmt: skip
            result.weight, result.bias = module.weight, module.bias
            result.running_mean, result.running_var = (
                module.running_mean,
                module.running_var,
            )
            result.num_batches_tracked, result.training = (
                module.num_batches_tracked,
                module.training,
            )
        for name, child in module.named_children():
            result.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return result


class LazyBatchNorm1d(_LazyNormBase, _BatchNorm):
    """A `BatchNorm1d` whose num_features is taken from the first input.

    Example::

        >>> layer = flambeau.nn.LazyBatchNorm1d()
        >>> layer(flambeau.ones(2, 3, 4)).shape, layer.num_features
        (torch.Size([2, 3, 4]), 3)
    """

    cls_to_become = BatchNorm1d

    def _check_input_dim(self, input):
        _require_dims(input, 2, 3)


class LazyBatchNorm2d(_LazyNormBase, _BatchNorm):
    """A `BatchNorm2d` whose num_features is taken from the first input.

    Example::

        >>> layer = flambeau.nn.LazyBatchNorm2d()
        >>> layer(flambeau.ones(2, 3, 4, 4)).shape, layer.num_features
        (torch.Size([2, 3, 4, 4]), 3)
    """

    cls_to_become = BatchNorm2d

    def _check_input_dim(self, input):
        _require_dims(input, 4)


class LazyBatchNorm3d(_LazyNormBase, _BatchNorm):
    """A `BatchNorm3d` whose num_features is taken from the first input.

    Example::

        >>> layer = flambeau.nn.LazyBatchNorm3d()
        >>> layer(flambeau.ones(2, 3, 4, 4, 4)).shape, layer.num_features
        (torch.Size([2, 3, 4, 4, 4]), 3)
    """

    cls_to_become = BatchNorm3d

    def _check_input_dim(self, input):
        _require_dims(input, 5)
