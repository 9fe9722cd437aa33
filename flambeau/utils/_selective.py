"""Selective checkpointing: of a checkpointed function the results of some operations are kept, the rest is computed again."""

import enum
from collections import defaultdict, deque

import flambeau

from ._python_dispatch import TorchDispatchMode
from ._pytree import tree_map

SAC_IGNORED_OPS = {flambeau.ops.aten.detach.default}


class CheckpointPolicy(enum.Enum):
    """What a policy says about an operation; PREFER leaves a compiler the choice, and there is none here.

    >>> flambeau.utils.checkpoint.CheckpointPolicy.MUST_SAVE
    <CheckpointPolicy.MUST_SAVE: 0>
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


_SAVED = (
    CheckpointPolicy.MUST_SAVE,
    CheckpointPolicy.PREFER_SAVE,
    CheckpointPolicy.MUST_CPU_OFFLOAD,  # the CPU is where everything is
    CheckpointPolicy.PREFER_CPU_OFFLOAD,
)


class SelectiveCheckpointContext:
    """What a policy is told besides the operation and its arguments.

    Attributes:
        is_recompute: whether this is the second run.
        op_output: the operation's result in the first run, None in the second.

    >>> flambeau.utils.checkpoint.SelectiveCheckpointContext(is_recompute=False).is_recompute
    False
    """

    def __init__(self, *, is_recompute, op_output=None):
        self.is_recompute = is_recompute
        self.op_output = op_output


class _Selective(TorchDispatchMode):
    def __init__(self, policy, kept):
        super().__init__()
        self.policy, self.kept = policy, kept

    def is_saved(self, func, args, kwargs, is_recompute, result=None):
        """Whether the policy keeps the result of a call."""
        context = SelectiveCheckpointContext(is_recompute=is_recompute, op_output=result)
        answer = self.policy(context, func, *args, **kwargs)
        if isinstance(answer, bool):
            return answer
        if not isinstance(answer, CheckpointPolicy):
            raise TypeError(f"[checkpoint] a policy must give a CheckpointPolicy or a bool, got {answer!r}")
        return answer in _SAVED


class _Kept:
    """A tensor of the first run; anything else is kept as it is."""

    def __init__(self, value):
        self.is_tensor = isinstance(value, flambeau.Tensor)
        self.value = value.detach() if self.is_tensor else value
        self.version = value._version if self.is_tensor else 0
        self.requires_grad = self.is_tensor and value.requires_grad

    def get(self, mutable):
        """The value, for the second run."""
        if not self.is_tensor:
            return self.value
        if not mutable and self.value._version != self.version:
            raise RuntimeError(
                "Tensor cached during selective activation checkpoint has been mutated. Pass "
                "allow_cache_entry_mutation=True if that is intended"
            )
        return self.value.detach().requires_grad_(self.requires_grad)


class _Keeping(_Selective):
    """The first run: keeps what the policy wants."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in SAC_IGNORED_OPS:
            return func(*args, **kwargs)
        with _saved_by_one_operation() as saved:
            result = func(*args, **kwargs)
        if self.is_saved(func, args, kwargs, False, result):
            saved.stay()
            self.kept[func].append(tree_map(_Kept, result))
        return result


class _Recalling(_Selective):
    """The second run: gives what was kept."""

    def __init__(self, policy, kept, mutable):
        super().__init__(policy, kept)
        self.mutable = mutable

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in SAC_IGNORED_OPS or not self.is_saved(func, args, kwargs, True):
            return func(*args, **kwargs)
        if not self.kept[func]:
            raise RuntimeError(
                f"{func} encountered during backward, but not found in storage: the second run of a checkpointed function "
                "calls it more often than the first, or backward runs twice"
            )
        return tree_map(lambda kept: kept.get(self.mutable), self.kept[func].popleft())


class _saved_by_one_operation:
    """Inside, what the present checkpoint does not keep of one operation is held, so that it can stay after all."""

    def __enter__(self):
        from .checkpoint import running

        self.frame = running[-1] if running else None
        if self.frame is not None:
            self.frame.recent = []
        return self

    def __exit__(self, *exception):
        self.recent = []
        if self.frame is not None:
            self.recent, self.frame.recent = self.frame.recent, None

    def stay(self):
        """Takes what the operation saved out of what is computed again."""
        for holder, tensor in self.recent:
            holder.kept = tensor.detach()
        if self.recent:
            del self.frame.holders[-len(self.recent) :]


def create_selective_checkpoint_contexts(policy_fn_or_list, allow_cache_entry_mutation=False):
    """Two contexts for `checkpoint(context_fn=...)`: the results of some operations are kept, the rest is computed again.

    Args:
        policy_fn_or_list: `policy(context, operation, *args, **kwargs)` that gives a `CheckpointPolicy`, or a list of the
            operations whose results are kept. Operations are what a `TorchDispatchMode` gets.
        allow_cache_entry_mutation: do not check that what was kept has not been changed since.

    Raises:
        TypeError: for something else.
        ValueError: a list of other things than operations.

    >>> from flambeau.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts, CheckpointPolicy
    >>> def policy(context, operation, *args, **kwargs):
    ...     is_product = operation is flambeau.ops.aten.mm.default
    ...     return CheckpointPolicy.MUST_SAVE if is_product else CheckpointPolicy.PREFER_RECOMPUTE
    >>> x = flambeau.ones(2, 2, requires_grad=True)
    >>> contexts = lambda: create_selective_checkpoint_contexts(policy)
    >>> checkpoint(lambda x: (x @ x).exp(), x, use_reentrant=False, context_fn=contexts).sum().backward()
    >>> round(x.grad[0, 0].item(), 3)
    29.556
    """
    if isinstance(policy_fn_or_list, list):
        for op in policy_fn_or_list:
            if not isinstance(op, type(flambeau.ops.aten.detach.default)):
                raise ValueError(
                    f"Expected op in `op_list` to be an OpOverload, such as torch.ops.aten.mm.default, but got: {op} of type {type(op)}"
                )
        chosen = set(policy_fn_or_list)

        def policy(context, operation, *args, **kwargs):
            return CheckpointPolicy.MUST_SAVE if operation in chosen else CheckpointPolicy.PREFER_RECOMPUTE

    elif callable(policy_fn_or_list):
        policy = policy_fn_or_list
    else:
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    kept = defaultdict(deque)
    return _Keeping(policy, kept), _Recalling(policy, kept, allow_cache_entry_mutation)
