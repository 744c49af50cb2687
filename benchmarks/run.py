"""Entry point of `make bench`: `python benchmarks/run.py [--quick] [--only CASE]`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # the root: makes a package of us
    from benchmarks.command import main

    sys.exit(main())
