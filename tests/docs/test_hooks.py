"""Each hook is documented and tried: a hook without both can't be added."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from dagu import hookspecs

ROOT = Path(__file__).parents[2]
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("dagu_"))


@pytest.mark.parametrize("hook", HOOKS)
def test_documented(hook: str) -> None:
    assert "Example::" in (inspect.getdoc(getattr(hookspecs, hook)) or ""), "no runnable example"
    assert hook in (ROOT / "docs" / "plugins" / "hooks.md").read_text(), "not in docs/plugins/hooks.md"


@pytest.mark.parametrize("hook", HOOKS)
def test_tried(hook: str) -> None:
    tests = [
        *ROOT.glob("core/tests/**/*.py"),
        *ROOT.glob("tests/**/*.py"),
        *ROOT.glob("plugins/*/tests/**/*.py"),
    ]
    users = [path for path in tests if path != Path(__file__) and hook in path.read_text()]
    assert users, f"no test uses {hook}"
