"""Engines that belong to one test process, and that it may kill."""

from __future__ import annotations

import json
import sys

from e2e_engines import TOOL, EngineUnderTest, at, tool

sys.path.insert(0, str(TOOL.parent))

from engines import daemons, docker


class Private:
    """Daemons of a private name, brought up when they are asked for.

    Args:
        name: At most 20 of ``a-z 0-9 -``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._up: dict[str, EngineUnderTest] = {}

    def engine(self, name: str) -> EngineUnderTest:
        """An engine that answers; a test that kills it brings it back."""
        if name not in self._up:
            self.start(name)
        return self._up[name]

    def start(self, name: str) -> None:
        """Bring an engine up, or back."""
        if name == "docker":
            # Else dockerd repeats by itself for most of a minute what a test has break off.
            with daemons.one_at_a_time():
                docker.up(self.name, ("--max-download-attempts", "1"))
        tool("up", name, "--private", self.name)
        self._up[name] = at(name, self.status(name)["endpoint"])

    def status(self, name: str) -> dict[str, str]:
        """What is known of an engine: ``endpoint``, ``pid`` and more."""
        (found,) = (
            each
            for each in json.loads(tool("status", "--json"))
            if (each["engine"], each["private"]) == (name, self.name)
        )
        return dict(found)

    def down(self) -> None:
        """End what was brought up."""
        if self._up:
            tool("down", "--private", self.name)
