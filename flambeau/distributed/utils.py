"""torch.distributed.utils."""


def _sync_module_states(module, process_group, broadcast_bucket_size=0, src=0, params_and_buffers_to_ignore=(), broadcast_buffers=True):  # fmt: skip
    """Let parameters and buffers become those of one process."""
    from . import broadcast

    tensors = [*module.named_parameters(), *(module.named_buffers() if broadcast_buffers else ())]
    for name, tensor in tensors:
        if name not in params_and_buffers_to_ignore:
            broadcast(tensor.data, src, process_group)
