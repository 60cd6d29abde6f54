"""Where the engines are known to differ, and why. A workflow that is named here must differ in exactly that."""

from __future__ import annotations

KNOWN: dict[str, tuple[str, str]] = {}
"""Workflow to what differs (``status``, ``codes`` or ``output``) and the reason."""
