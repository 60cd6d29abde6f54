from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dagu.contracts.events import RunEvent
from dagu.contracts.specs import RuntimeSpec
from dagu.history.records import RunRecord
from dagu.hookspecs import hookimpl
from dagu.plugins import Plugins
from dagu.run.api import Runner, RunResult, StartRequest
from dagu.testing import FakeRuntime

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "SECRET_TOKEN": "s3cr3t-value"}


class FakePlugin:
    """Offers one fake runtime under the name ``fake``."""

    def __init__(self, runtime: FakeRuntime) -> None:
        self.runtime = runtime

    @hookimpl
    def dagu_register_runtimes(self) -> list[RuntimeSpec]:
        return [RuntimeSpec(name="fake", summary="in memory", factory=lambda _environ: self.runtime)]


@dataclass
class Runs:
    """Runs workflows given as text, on the host or on a fake runtime."""

    directory: Path
    runtime: FakeRuntime
    environ: dict[str, str]
    events: list[RunEvent] = field(default_factory=list)
    extra: tuple[object, ...] = ()

    @property
    def home(self) -> Path:
        return self.directory / "home"

    def runner(self, text: str, *, name: str = "flow.yaml", **request: Any) -> Runner:
        file = self.directory / name
        file.write_text(text)
        plugins = Plugins(self.environ, extra=(FakePlugin(self.runtime), *self.extra), discover=False)
        return Runner(
            StartRequest(file=file, **request),
            environ=self.environ,
            home=self.home,
            plugins=plugins,
            observers=[self.events.append],
        )

    def __call__(self, text: str, **request: Any) -> RunResult:
        return self.runner(text, **request).run()

    def log(self, record: RunRecord, step: str, stream: str = "stdout", attempt: int = 1) -> str:
        path = self.home / "logs" / record.workflow / record.run_id / f"{step}.{attempt}.{stream}"
        return path.read_text()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Runs]:
    runtime = FakeRuntime()
    yield Runs(tmp_path, runtime, {**ENVIRON, "DAGU_CONTAINER_RUNTIME": "fake"})
    runtime.close()


@pytest.fixture
def statuses() -> Callable[[RunResult], dict[str, str]]:
    return lambda result: {step.name: step.status.value for step in result.record.steps}
