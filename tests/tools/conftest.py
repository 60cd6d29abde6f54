"""Makes the tool importable and gives its tests private names that are taken down again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path[:0] = [str(TOOLS), str(TOOLS.parent / "tests" / "tools")]


@pytest.fixture
def private() -> Iterator[str]:
    """A private name that nobody else uses."""
    from engines import commands

    name = f"test-{uuid4().hex[:8]}"
    yield name
    commands.down_private(name)


@pytest.fixture
def tool() -> Callable[..., str]:
    """Runs the program as a user would, and returns what it prints."""
    import subprocess

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, str(TOOLS / "engines"), *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
