"""Parts of the loader: collating, fetching, workers."""

import importlib.util as _util
import sys as _sys

from flambeau.utils.data._utils import collate as collate
from flambeau.utils.data._utils import fetch as fetch
from flambeau.utils.data._utils import pin_memory as pin_memory
from flambeau.utils.data._utils import worker as worker

IS_WINDOWS = _sys.platform == "win32"
HAS_NUMPY = _util.find_spec("numpy") is not None
MP_STATUS_CHECK_INTERVAL = 5.0  # seconds
