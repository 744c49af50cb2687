"""Real brokers on loopback for the tests: ``python tools/brokers.py up|down|status [NAME …]``.

The work is done by the package ``tools/brokers/``; tests import it for brokers of their own.
"""

import sys

from brokers.command import main  # the package beside this file

if __name__ == "__main__":
    sys.exit(main())
