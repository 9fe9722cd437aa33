"""`python -m tests.nn.cases torch` records what torch gives."""

import importlib
import sys

from . import record

record(importlib.import_module(sys.argv[1]))
