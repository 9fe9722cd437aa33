"""torch._C._distributed_rpc: there are no remote procedure calls."""


def _is_current_rpc_agent_set():
    return False
