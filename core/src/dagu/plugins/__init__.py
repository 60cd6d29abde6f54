"""Plugins: found, checked, asked and, where they fail, named. Only this package touches pluggy.

Nothing is imported or looked for before a :class:`Plugins` object is asked something.
"""

from __future__ import annotations

from dagu.plugins.registry import Plugins

__all__ = ["Plugins"]
