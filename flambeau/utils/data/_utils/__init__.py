"""Parts of the loader: collating, fetching, workers."""

from flambeau.utils.data._utils import collate as collate
from flambeau.utils.data._utils import fetch as fetch
from flambeau.utils.data._utils import worker as worker
