"""Distributions that tests install: a module and its metadata on the import path."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a distribution of one module that is a plugin."""
    before = set(sys.modules)
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def make(
        name: str,
        code: str,
        *,
        version: str = "1.2.3",
        requires: str = "dagu-core>=0.1,<0.2",
        entry_points: str | None = None,
    ) -> None:
        # Not the name of the distribution: that may be a real one, whose module is imported already.
        module = f"plugin_{name.replace('-', '_')}"
        (site / f"{module}.py").write_text(textwrap.dedent(code))
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: {requires}\n"
        )
        (info / "entry_points.txt").write_text(
            entry_points if entry_points is not None else f"[dagu]\n{name}-point = {module}\n"
        )
        importlib.invalidate_caches()

    yield make
    for added in set(sys.modules) - before:
        if (getattr(sys.modules[added], "__file__", None) or "").startswith(str(site)):
            del sys.modules[added]
