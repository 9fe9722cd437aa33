"""Settings of models whose parameters are split over processes."""

import dataclasses
import enum
from typing import Any

ShardingStrategy = enum.Enum("ShardingStrategy", "FULL_SHARD SHARD_GRAD_OP NO_SHARD HYBRID_SHARD _HYBRID_SHARD_ZERO2")
BackwardPrefetch = enum.Enum("BackwardPrefetch", "BACKWARD_PRE BACKWARD_POST")
StateDictType = enum.Enum("StateDictType", "FULL_STATE_DICT LOCAL_STATE_DICT SHARDED_STATE_DICT")
OptimStateKeyType = enum.Enum("OptimStateKeyType", "PARAM_NAME PARAM_ID")


@dataclasses.dataclass
class MixedPrecision:
    """The dtypes of parameters, gradients and buffers."""

    param_dtype: Any = None
    reduce_dtype: Any = None
    buffer_dtype: Any = None
    keep_low_precision_grads: bool = False
    cast_forward_inputs: bool = False
    cast_root_forward_inputs: bool = True


@dataclasses.dataclass
class CPUOffload:
    """Whether parameters stay in the CPU's memory."""

    offload_params: bool = False


@dataclasses.dataclass
class StateDictConfig:
    """How a state_dict is made."""

    offload_to_cpu: bool = False


@dataclasses.dataclass
class FullStateDictConfig(StateDictConfig):
    """How a whole state_dict is made."""

    rank0_only: bool = False


@dataclasses.dataclass
class ShardedStateDictConfig(StateDictConfig):
    """How a state_dict in parts is made."""


@dataclasses.dataclass
class FullOptimStateDictConfig(FullStateDictConfig):
    """How an optimizer's whole state_dict is made."""


@dataclasses.dataclass
class ShardedOptimStateDictConfig(StateDictConfig):
    """How an optimizer's state_dict in parts is made."""
