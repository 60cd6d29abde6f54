"""``python -m dagu``."""

import sys

from dagu.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
