"""How the container runtimes are."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from dagu.errors import DaguError
from dagu.plugins.registry import DEFAULT_RUNTIME, RUNTIME_VARIABLE

if TYPE_CHECKING:
    from dagu.contracts.specs import RuntimeSpec
    from dagu.plugins import Plugins


def runtime_overview(plugins: Plugins, environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every container runtime, asked how it is; all at once, since one that hangs must not hold up the others."""
    selected = environ.get(RUNTIME_VARIABLE, "").strip().lower() or DEFAULT_RUNTIME
    specs = [spec for _, spec in sorted(plugins.runtimes().items())]
    if not specs:
        return []

    def ask(spec: RuntimeSpec) -> dict[str, Any]:
        shown = {"name": spec.name, "summary": spec.summary, "selected": spec.name == selected}
        try:
            with spec.factory(environ) as runtime:
                info = runtime.check()
        except DaguError as error:
            return {**shown, "ok": False, "message": str(error), "version": "", "endpoint": ""}
        return {**shown, "ok": True, "message": "", "version": info.version, "endpoint": info.endpoint}

    with ThreadPoolExecutor(len(specs)) as pool:
        return list(pool.map(ask, specs))
