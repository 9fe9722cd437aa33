"""Data sets chained into pipes: ``pipe.shuffle().map(f).batch(4)``."""

from flambeau.utils.data.datapipes import iter as iter
from flambeau.utils.data.datapipes import map as map
