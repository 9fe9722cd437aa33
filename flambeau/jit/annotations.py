"""Types that annotations for TorchScript name."""

from typing import Any, Generic, List, Optional, Tuple, TypeVar  # noqa: UP035

__all__ = ["Any", "List", "Optional", "Tuple"]

_T = TypeVar("_T")


class _BroadcastingListOf(Generic[_T]):
    """`BroadcastingList2[int]`: two numbers, or one for both."""


BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = _BroadcastingListOf
BroadcastingList4 = BroadcastingList5 = BroadcastingList6 = _BroadcastingListOf
