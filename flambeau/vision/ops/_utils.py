"""What programs import from torchvision's private module of this name."""

from flambeau import nn

from ._regions import rows_of


def check_roi_boxes_shape(boxes):
    """Refuse boxes that are neither (K, 5) nor one (L, 4) per picture."""
    rows_of(boxes)


def convert_boxes_to_roi_format(boxes):
    """(K, 5): number of the picture, x1, y1, x2, y2, of one tensor per picture."""
    return rows_of(boxes)


_NORMS = (
    nn.modules.batchnorm._BatchNorm,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.LocalResponseNorm,
)


def split_normalization_params(model, norm_classes=None):
    """(parameters of normalizations, all others) that are trained: often the first have no weight decay."""
    kinds = tuple(norm_classes or _NORMS)
    norms, others = [], []
    for module in model.modules():
        own = norms if isinstance(module, kinds) else others
        inner = module.parameters() if own is norms else module.parameters(recurse=False)
        own += [p for p in inner if p.requires_grad]
    return norms, others
