"""What authors of plugins test with: conformance kits, a fake runtime, stand-ins for agents and a report."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagu.testing.certification import Report as Report
    from dagu.testing.certification import certify as certify
    from dagu.testing.fake_runtime import FakeRuntime as FakeRuntime
    from dagu.testing.history_kit import HistoryConformance as HistoryConformance
    from dagu.testing.provider_kit import ProviderConformance as ProviderConformance
    from dagu.testing.recorder import AgentRecorder as AgentRecorder
    from dagu.testing.runtime_kit import RuntimeConformance as RuntimeConformance

_HOMES = {
    "AgentRecorder": "dagu.testing.recorder",
    "FakeRuntime": "dagu.testing.fake_runtime",
    "HistoryConformance": "dagu.testing.history_kit",
    "ProviderConformance": "dagu.testing.provider_kit",
    "Report": "dagu.testing.certification",
    "RuntimeConformance": "dagu.testing.runtime_kit",
    "certify": "dagu.testing.certification",
}
_KITS = ("dagu.testing.history_kit", "dagu.testing.provider_kit", "dagu.testing.runtime_kit")

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    # Late, because the kits need pytest and the fakes do not.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if home in _KITS:
        need_pytest().register_assert_rewrite(home)
    return getattr(importlib.import_module(home), name)


def need_pytest() -> Any:
    """Import pytest, or tell how to get it.

    Raises:
        ImportError: It is not installed.
    """
    try:
        return importlib.import_module("pytest")
    except ModuleNotFoundError as error:
        raise ImportError("the conformance kits need pytest: pip install 'dagu-core[testing]'") from error
