"""The functions behind the layers: those that the op families list as FUNCTIONAL, and this package's compositions."""

import importlib

from flambeau import ops

from ._attention import multi_head_attention_forward
from ._attention_parts import (  # noqa: F401  (copies of torch's attention import them)
    _canonical_mask,
    _get_softmax_dim,
    _in_projection,
    _in_projection_packed,
    _mha_shape_check,
    _none_or_dtype,
    _verify_batch_size,
    _verify_spatial_size,
)
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

TYPE_CHECKING = False
if TYPE_CHECKING:  # a checker cannot compute the names

    def __getattr__(name): ...
