"""The functions behind the layers: those that the op families list as FUNCTIONAL, and this package's compositions."""

import importlib

from flambeau import ops

from ._attention import multi_head_attention_forward
from ._classification import cross_entropy, ctc_loss, nll_loss
from ._composed import cosine_similarity, normalize, one_hot, pairwise_distance, pdist
from ._embedding_bag import embedding_bag
from ._linear_cross_entropy import linear_cross_entropy
from ._losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "embedding_bag",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "linear_cross_entropy",
    "margin_ranking_loss",
    "mse_loss",
    "multi_head_attention_forward",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pairwise_distance",
    "pdist",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

for _family in ops.FAMILIES:
    _module = importlib.import_module(f"flambeau.ops.{_family}")
    for _name in getattr(_module, "FUNCTIONAL", ()):
        if _name not in __all__:
            globals()[_name] = getattr(_module, _name)
            __all__.append(_name)


def __getattr__(name):  # for type checkers too, which cannot compute the names
    from . import _attention_parts

    if name.startswith("_") and not name.startswith("__") and hasattr(_attention_parts, name):
        return getattr(_attention_parts, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
