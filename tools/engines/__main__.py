"""Entry point of ``python3 tools/engines``."""

import sys
from pathlib import Path

# Run as a folder, the modules would be top-level names, and `docker` or `podman` would hide the SDKs.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from engines.cli import main  # noqa: E402

sys.exit(main())
