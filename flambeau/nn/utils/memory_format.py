"""Memory layouts of convolution weights."""

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def _convert(module, memory_format, kinds):
    for layer in module.modules():
        if isinstance(layer, kinds):
            layer.weight.data = layer.weight.detach().clone().contiguous(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module, memory_format):
    """Converts the weights of all Conv2d and ConvTranspose2d to a memory format; returns the module.

    Example::

        >>> layer = flambeau.nn.Conv2d(2, 3, 2)
        >>> layer = flambeau.nn.utils.convert_conv2d_weight_memory_format(layer, flambeau.channels_last)
        >>> layer.weight.stride()
        (8, 1, 4, 2)
    """
    from flambeau.nn import Conv2d, ConvTranspose2d

    return _convert(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module, memory_format):
    """Converts the weights of all Conv3d and ConvTranspose3d to a memory format; returns the module.

    Example::

        >>> layer = flambeau.nn.Conv3d(2, 3, 2)
        >>> layer = flambeau.nn.utils.convert_conv3d_weight_memory_format(layer, flambeau.channels_last_3d)
        >>> layer.weight.stride()
        (16, 1, 8, 4, 2)
    """
    from flambeau.nn import Conv3d, ConvTranspose3d

    return _convert(module, memory_format, (Conv3d, ConvTranspose3d))
