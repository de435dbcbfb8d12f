"""Host module: ``python -m flowclass``."""

import sys

from flowclass.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
