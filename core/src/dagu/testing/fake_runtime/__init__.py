"""A container runtime without an engine, for unit tests: scripted, recorded, no root, no isolation."""

from __future__ import annotations

from dagu.testing.fake_runtime.runtime import DECLARED, FakeRuntime
from dagu.testing.fake_runtime.script import Call

__all__ = ["DECLARED", "Call", "FakeRuntime"]
