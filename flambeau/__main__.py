"""`python -m flambeau` is the command `flambeau`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
