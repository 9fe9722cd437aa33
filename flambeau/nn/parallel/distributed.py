"""One model, trained by several processes."""

import contextlib

from flambeau import _C
from flambeau.nn.modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """A model that several processes train, each on its own batches: gradients are averaged in every backward pass.

    All processes begin with the parameters of process 0. The model's names in a state_dict begin with "module.".

    Args:
        module: the model, kept as `module`.
        process_group: the processes (default: all).
        broadcast_buffers: buffers become those of process 0 in every forward pass while training.
        find_unused_parameters: accepted: parameters that no process used keep no gradient, those that some did not use count as 0.
        device_ids, output_device, dim, bucket_cap_mb, gradient_as_bucket_view, static_graph and others: accepted; there is the CPU.

    Raises:
        ValueError: there is no process group.
        RuntimeError: no parameter requires a gradient.

    Example::

        >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
        >>> model = flambeau.nn.parallel.DistributedDataParallel(flambeau.nn.Linear(2, 2))
        >>> model(flambeau.ones(1, 2)).sum().backward()
        >>> list(model.state_dict())
        ['module.weight', 'module.bias']
        >>> flambeau.distributed.destroy_process_group()
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0, broadcast_buffers=True, init_sync=True,
                 process_group=None, bucket_cap_mb=None, find_unused_parameters=False, check_reduction=False,
                 gradient_as_bucket_view=False, static_graph=False, delay_all_reduce_named_params=None,
                 param_to_hook_all_reduce=None, mixed_precision=None, device_mesh=None,
                 skip_all_reduce_unused_params=False, **options):  # fmt: skip
        from flambeau import distributed

        super().__init__()
        self.__dict__["_distributed"] = distributed
        self.process_group = process_group or distributed._get_default_group()
        if not any(p.requires_grad for p in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a gradient."
            )
        self.module = module
        self.device_ids, self.output_device, self.dim = None, None, dim
        self.device, self.device_type, self.is_multi_device_module = _C.device("cpu"), "cpu", False
        self.broadcast_buffers, self.find_unused_parameters = broadcast_buffers, find_unused_parameters
        self.gradient_as_bucket_view, self.static_graph = gradient_as_bucket_view, static_graph
        self.require_backward_grad_sync = True
        ignored = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        self.parameters_to_ignore = ignored
        self._kept = [p for name, p in module.named_parameters() if p.requires_grad and name not in ignored]
        self._waiting, self._hook = False, None
        if init_sync:
            self._sync([*(p for n, p in module.named_parameters() if n not in ignored), *self._buffers_to_sync()])
        for parameter in self._kept:
            parameter.register_post_accumulate_grad_hook(self._gradient_is_there)

    def _buffers_to_sync(self):
        return [b for name, b in self.module.named_buffers() if name not in self.parameters_to_ignore]

    def _sync(self, tensors):
        """Let tensors become those of process 0."""
        if self.process_group.size() > 1:
            for tensor in tensors:
                self._distributed.broadcast(tensor.data, group_src=0, group=self.process_group)

    def forward(self, *inputs, **kwargs):
        if self.training and self.broadcast_buffers and self.require_backward_grad_sync:
            self._sync(self._buffers_to_sync())
        return self.module(*inputs, **kwargs)

    def _gradient_is_there(self, parameter):
        if self.require_backward_grad_sync and not self._waiting and self.process_group.size() > 1:
            self._waiting = True
            _C.queue_callback(self._average)

    def _average(self):
        """Average the gradients of all processes, as one message."""
        import flambeau

        self._waiting = False
        with flambeau.no_grad():
            has = flambeau.tensor([float(p.grad is not None) for p in self._kept])
            self._distributed.all_reduce(has, group=self.process_group)
            used = [p for p, count in zip(self._kept, has.tolist()) if count > 0]
            for dtype in dict.fromkeys(p.dtype for p in used):
                self._average_of([p for p in used if p.dtype == dtype])

    def _average_of(self, parameters):
        import flambeau

        for p in parameters:
            if p.grad is None:
                p.grad = flambeau.zeros_like(p)
        flat = flambeau.cat([p.grad.reshape(-1) for p in parameters])
        flat = self._exchange(flat)
        start = 0
        for p in parameters:
            p.grad.copy_(flat[start : start + p.numel()].view_as(p))
            start += p.numel()

    def _exchange(self, flat):
        if self._hook is not None:
            state, hook = self._hook
            made = hook(state, _Bucket(flat)).wait()
            return made[0] if isinstance(made, (list, tuple)) else made
        self._distributed.all_reduce(flat, group=self.process_group)
        return flat / self.process_group.size()

    def register_comm_hook(self, state, hook):
        """Let `hook(state, bucket)` reduce the gradients: it returns a Future of the averaged tensor."""
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
        self._hook = (state, hook)

    @contextlib.contextmanager
    def no_sync(self):
        """A context in which gradients are only added up here; the next backward pass outside averages them."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def join(self, divide_by_initial_world_size=True, enable=True, throw_on_early_termination=False):
        """A context for processes with different numbers of batches: see distributed.algorithms.join.Join."""
        from flambeau.distributed.algorithms.join import Join

        return Join([self], enable, throw_on_early_termination)

    def _set_static_graph(self):
        self.static_graph = True

    @staticmethod
    def _set_params_and_buffers_to_ignore_for_model(module, params_and_buffers_to_ignore):
        module._ddp_params_and_buffers_to_ignore = params_and_buffers_to_ignore


class _Bucket:
    """The gradients that a communication hook gets."""

    def __init__(self, tensor):
        self._tensor = tensor

    def buffer(self):
        """All gradients, flat."""
        return self._tensor

    def set_buffer(self, tensor):
        """Exchange them."""
        self._tensor = tensor

    def index(self):
        """The number of this part: there is one."""
        return 0

    def is_last(self):
        """Whether it is the last part."""
        return True
