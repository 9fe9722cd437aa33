"""Finding where a NaN comes from."""

from .. import _C

__all__ = ["detect_anomaly", "set_detect_anomaly"]


class set_detect_anomaly:
    """Switch anomaly detection on or off: a NaN in a backward pass becomes an error that names the op and the user's
    line.

    >>> with flambeau.autograd.set_detect_anomaly(False):
    ...     flambeau.is_anomaly_enabled()
    False
    """

    def __init__(self, mode, check_nan=True):
        self._before = _C.is_anomaly_enabled()
        _C.set_anomaly_enabled(mode, check_nan)

    def __enter__(self):
        pass

    def __exit__(self, *error):
        _C.set_anomaly_enabled(self._before)


class detect_anomaly(set_detect_anomaly):
    """Anomaly detection inside a with block.

    >>> with flambeau.autograd.detect_anomaly():
    ...     flambeau.is_anomaly_enabled()
    True
    """

    def __init__(self, check_nan=True):
        self.check_nan = check_nan

    def __enter__(self):
        self._before = _C.is_anomaly_enabled()
        _C.set_anomaly_enabled(True, self.check_nan)
