"""torch._VF: torch's functions as torch's core has them."""


def __getattr__(name):
    import flambeau

    return getattr(flambeau, name)
