"""What tests found, for the page on reliability: lines of JSON in the file that ``--results`` names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Findings:
    """Appends to a file, if there is one; several processes may do so at once."""

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None

    def write(self, line: dict[str, Any]) -> None:
        """Add one finding."""
        if self._path is None:
            return
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
        finally:
            os.close(descriptor)
