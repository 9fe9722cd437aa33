"""Which modules are split over processes."""

from ..._unbuilt import define

define(
    globals(),
    "parameters are not split over processes here: use nn.parallel.DistributedDataParallel",
    classes="ModuleWrapPolicy CustomPolicy",
    functions="_or_policy enable_wrap wrap lambda_auto_wrap_policy size_based_auto_wrap_policy transformer_auto_wrap_policy always_wrap_policy",
)
