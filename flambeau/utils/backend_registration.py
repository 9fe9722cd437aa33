"""Names for devices that others add to torch: there is no place for one."""

__all__ = ["generate_methods_for_privateuse1_backend", "rename_privateuse1_backend"]


def rename_privateuse1_backend(backend_name):
    """Give torch's free kind of device a name: an error.

    >>> flambeau.utils.backend_registration.rename_privateuse1_backend("mine")
    Traceback (most recent call last):
        ...
    RuntimeError: [rename_privateuse1_backend] flambeau computes on the CPU: no kind of device can be added
    """
    raise RuntimeError("[rename_privateuse1_backend] flambeau computes on the CPU: no kind of device can be added")


def generate_methods_for_privateuse1_backend(for_tensor=True, for_module=True, for_packed_sequence=True, for_storage=False, unsupported_dtype=None):  # fmt: skip
    """Add methods for torch's free kind of device: an error.

    >>> flambeau.utils.backend_registration.generate_methods_for_privateuse1_backend()
    Traceback (most recent call last):
        ...
    RuntimeError: [generate_methods_for_privateuse1_backend] flambeau computes on the CPU: no kind of device can be added
    """
    raise RuntimeError(
        "[generate_methods_for_privateuse1_backend] flambeau computes on the CPU: no kind of device can be added"
    )
