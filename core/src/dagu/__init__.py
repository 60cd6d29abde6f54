"""The public face of dagu's core: what a plugin may import beside ``dagu.contracts`` and ``dagu.errors``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagu.hookspecs import hookimpl

__all__ = ["__version__", "hookimpl"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # pluggy costs 30 ms to import, which `dagu --help` does not need.
    if name == "hookimpl":
        from dagu.hookspecs import hookimpl

        return hookimpl
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
