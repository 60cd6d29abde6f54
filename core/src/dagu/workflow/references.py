"""Telling text that is final from text that the run still changes."""

from __future__ import annotations

import re

_REFERENCE = re.compile(r"\$(\{|\(|[A-Za-z_])|`")


def has_reference(text: str) -> bool:
    """Whether the run replaces something in the text, so that its value can't be judged yet."""
    return _REFERENCE.search(text) is not None
