"""Hooks for DistributedDataParallel.register_comm_hook."""

__all__ = ["allreduce_hook", "bf16_compress_hook", "fp16_compress_hook"]


def _averaged(group, tensor, dtype=None):
    from flambeau import distributed
    from flambeau.futures import Future

    sent = tensor if dtype is None else tensor.to(dtype)
    sent = sent / distributed.get_world_size(group)
    distributed.all_reduce(sent, group=group)
    future = Future()
    future.set_result(sent.to(tensor.dtype))
    return future


def allreduce_hook(process_group, bucket):
    """The average of all processes' gradients, as a Future.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> model = flambeau.nn.parallel.DistributedDataParallel(flambeau.nn.Linear(1, 1))
    >>> model.register_comm_hook(None, flambeau.distributed.algorithms.ddp_comm_hooks.default_hooks.allreduce_hook)
    >>> flambeau.distributed.destroy_process_group()
    """
    return _averaged(process_group, bucket.buffer())


def fp16_compress_hook(process_group, bucket):
    """The average of all processes' gradients, sent in half precision.

    >>> flambeau.distributed.algorithms.ddp_comm_hooks.default_hooks.fp16_compress_hook.__name__
    'fp16_compress_hook'
    """
    import flambeau

    return _averaged(process_group, bucket.buffer(), flambeau.float16)


def bf16_compress_hook(process_group, bucket):
    """The average of all processes' gradients, sent as bfloat16.

    >>> flambeau.distributed.algorithms.ddp_comm_hooks.default_hooks.bf16_compress_hook.__name__
    'bf16_compress_hook'
    """
    import flambeau

    return _averaged(process_group, bucket.buffer(), flambeau.bfloat16)
