"""Server-sent events, and the pick of a tool that writes a file."""

from __future__ import annotations

import base64
import json
from typing import Any

from model_server.script import WriteFile


def named(kind: str, **fields: Any) -> bytes:
    """An event whose name is also its data's ``type``."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def data(value: dict[str, Any]) -> bytes:
    """An event without a name."""
    return f"data: {json.dumps(value)}\n\n".encode()


def script(action: WriteFile) -> str:
    """A shell command that writes the file, whatever is in it."""
    encoded = base64.b64encode(action.content.encode()).decode()
    return f"printf %s {encoded} | base64 -d > '{action.path}'"


def pick(offered: set[str], action: WriteFile, known: dict[str, Any]) -> tuple[str, Any]:
    """The first known tool that the request offers, and its arguments.

    Raises:
        LookupError: None is offered; it names what is.
    """
    for name, arguments in known.items():
        if name in offered:
            return name, arguments(action)
    raise LookupError(f"no known tool writes files; the agent offers {sorted(offered)}")
