"""Instance normalisation."""

import warnings

from flambeau.nn import functional as F

from .batchnorm import _LazyNormBase, _NormBase

__all__ = [
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]


class _InstanceNorm(_NormBase):
    """The forward of all instance normalisations; `dims` is the number of dimensions without the batch."""

    dims = 0

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=False,
        track_running_stats=False,
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

    def _check_input_dim(self, input):
        if input.dim() not in (self.dims, self.dims + 1):
            raise ValueError(f"expected {self.dims}D or {self.dims + 1}D input (got {input.dim()}D input)")

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
        if local_metadata.get("version") is None and not self.track_running_stats:
            found = [prefix + n for n in ("running_mean", "running_var") if prefix + n in state_dict]
            if found:
                error_msgs.append(
                    f"Unexpected running stats buffer(s) {' and '.join(map(repr, found))} for "
                    f"{type(self).__name__} with track_running_stats=False. If the state_dict is a checkpoint saved "
                    "before 0.4.0, remove these keys from it or enable track_running_stats."
                )
                for key in found:
                    state_dict.pop(key)
        super()._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )

    def _check_features(self, channels):
        if channels == self.num_features:
            return
        if self.affine:
            raise ValueError(
                f"expected input's size at dim=1 to match num_features ({self.num_features}), but got: {channels}."
            )
        warnings.warn(
            "input's size at dim=1 does not match num_features. You can silence this warning by not passing in "
            "num_features, which is not used because affine=False",
            stacklevel=3,
        )

    def forward(self, input):
        self._check_input_dim(input)
        batched = input.dim() == self.dims + 1
        self._check_features(input.shape[1 if batched else 0])
        result = F.instance_norm(
            input if batched else input.unsqueeze(0),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )
        return result if batched else result.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, mean and variance of each sample and channel over its length.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: weight of a new batch in the running statistics.
        affine: whether to have weight and bias.
        track_running_stats: whether to keep running statistics and use them in evaluation.
        bias: whether to have a bias, if affine.

    Shape:
        (N, C, L) or (C, L), both ways.

    Example::

        >>> flambeau.nn.InstanceNorm1d(3)(flambeau.ones(2, 3, 4)).shape
        torch.Size([2, 3, 4])
    """

    dims = 2


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for images: mean and variance of each sample and channel over height and width.

    Args:
        num_features, eps, momentum, affine, track_running_stats, bias: see `InstanceNorm1d`.

    Shape:
        (N, C, H, W) or (C, H, W), both ways.

    Example::

        >>> flambeau.nn.InstanceNorm2d(3)(flambeau.ones(2, 3, 4, 4)).shape
        torch.Size([2, 3, 4, 4])
    """

    dims = 3


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for volumes: mean and variance of each sample and channel over depth, height and width.

    Args:
        num_features, eps, momentum, affine, track_running_stats, bias: see `InstanceNorm1d`.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways.

    Example::

        >>> flambeau.nn.InstanceNorm3d(3)(flambeau.ones(2, 3, 4, 4, 4)).shape
        torch.Size([2, 3, 4, 4, 4])
    """

    dims = 4


class LazyInstanceNorm1d(_LazyNormBase, _InstanceNorm):
    """An `InstanceNorm1d` whose num_features is taken from the first input.

    Example::

        >>> layer = flambeau.nn.LazyInstanceNorm1d()
        >>> layer(flambeau.ones(2, 3, 4)).shape, layer.num_features
        (torch.Size([2, 3, 4]), 3)
    """

    cls_to_become = InstanceNorm1d
    dims = 2


class LazyInstanceNorm2d(_LazyNormBase, _InstanceNorm):
    """An `InstanceNorm2d` whose num_features is taken from the first input.

    Example::

        >>> layer = flambeau.nn.LazyInstanceNorm2d()
        >>> layer(flambeau.ones(2, 3, 4, 4)).shape, layer.num_features
        (torch.Size([2, 3, 4, 4]), 3)
    """

    cls_to_become = InstanceNorm2d
    dims = 3


class LazyInstanceNorm3d(_LazyNormBase, _InstanceNorm):
    """An `InstanceNorm3d` whose num_features is taken from the first input.

    Example::

        >>> layer = flambeau.nn.LazyInstanceNorm3d()
        >>> layer(flambeau.ones(2, 3, 4, 4, 4)).shape, layer.num_features
        (torch.Size([2, 3, 4, 4, 4]), 3)
    """

    cls_to_become = InstanceNorm3d
    dims = 4
