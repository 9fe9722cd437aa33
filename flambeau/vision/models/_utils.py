"""What several models share."""

from collections import OrderedDict

from flambeau import nn

__all__ = ["IntermediateLayerGetter"]


class IntermediateLayerGetter(nn.ModuleDict):
    """A model cut after the last layer asked for; its outputs are those of the layers, by new names.

    Args:
        model: its children are called one behind the other.
        return_layers: dict of {child's name: name of its output}.

    >>> net = nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Flatten(), c=nn.Linear(4, 2)))
    >>> found = IntermediateLayerGetter(net, {"b": "flat"})(flambeau.zeros(1, 2, 2))
    >>> {name: value.shape for name, value in found.items()}
    {'flat': torch.Size([1, 4])}
    """

    def __init__(self, model, return_layers):
        children = OrderedDict(model.named_children())
        missing = set(map(str, return_layers)) - set(children)
        if missing:
            raise ValueError(f"return_layers are not present in model: {sorted(missing)} is not in {list(children)}")
        names = list(children)
        last = max(names.index(str(name)) for name in return_layers)
        super().__init__(OrderedDict((name, children[name]) for name in names[: last + 1]))
        self.return_layers = {str(k): str(v) for k, v in return_layers.items()}

    def forward(self, x):
        out = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                out[self.return_layers[name]] = x
        return out


def _make_divisible(v, divisor, min_value=None):
    """The multiple of `divisor` that is nearest to v, not under 90 % of it."""
    near = max(divisor if min_value is None else min_value, int(v + divisor / 2) // divisor * divisor)
    return near + divisor if near < 0.9 * v else near
