"""Providers drive the real programs: prompts arrive, files are written, usage is what the model's server told."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from agents import AGENTS, Agent
from model_server import Fault, ModelServer, Say, Tokens, Turn, WriteFile

from dagu.contracts.provider import EventKind, HarnessEvent, HarnessProvider, HarnessTask, Option, Usage
from dagu.contracts.spending import Spending

FIRST = Tokens(input=1000, cached=300, output=20)
SECOND = Tokens(input=1200, cached=1000, output=30)
WHOLE = Usage(input=2200, cached=1300, output=50)
CONTENT = "hello\n'quoted' \"and\" $HOME é\n"
SECRET = "key-that-must-not-show-4711"


class Called:
    """A program called by its provider's command line, in a folder of its own."""

    def __init__(self, agent: Agent, folder: Path, programs: Path) -> None:
        self.agent = agent
        self.workspace = folder / "workspace"
        self.home = folder / "home"
        self.workspace.mkdir()
        self.home.mkdir()
        self._programs = programs

    @property
    def provider(self) -> HarnessProvider:
        module = importlib.import_module(f"dagu_harness_providers.{self.agent.name}")
        (spec,) = module.dagu_register_harness_providers()
        return spec.factory()

    def popen(self, model: ModelServer, task: HarnessTask) -> subprocess.Popen[bytes]:
        invocation = self.provider.invocation(task)
        argv = [word for word in invocation.argv if isinstance(word, str)]
        assert SECRET not in " ".join(argv)
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.workspace,
            start_new_session=True,
            env={
                "PATH": f"{self._programs}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(self.home),
                **self.agent.env(model.url, SECRET),
            },
        )
        assert process.stdin is not None
        process.stdin.write(invocation.stdin or b"")
        process.stdin.close()
        process.stdin = None
        return process

    def run(
        self, model: ModelServer, prompt: str, **options: Option
    ) -> tuple[int, bytes, list[HarnessEvent]]:
        given = {
            key: tuple(v) if isinstance(v, list) else v for key, v in self.agent.with_(model.url).items()
        }
        del given["provider"]
        process = self.popen(model, HarnessTask(prompt=prompt, options={**given, **options}))
        stdout, stderr = process.communicate(timeout=120)
        assert SECRET.encode() not in stdout + stderr
        return process.returncode, stdout, self.events(stdout)

    def events(self, stdout: bytes) -> list[HarnessEvent]:
        provider = self.provider
        return [event for line in stdout.splitlines() for event in provider.read_events(line)]


@pytest.fixture(params=sorted(AGENTS))
def called(request: pytest.FixtureRequest, tmp_path: Path, programs: Path) -> Called:
    return Called(AGENTS[request.param], tmp_path, programs)


def spent(events: Sequence[HarnessEvent]) -> Usage | None:
    spending = Spending()
    for event in events:
        spending.take(event)
    return spending.usage


def answer(events: Sequence[HarnessEvent]) -> str:
    texts = [event.text for event in events if event.kind is EventKind.TEXT]
    return texts[-1] if texts else ""


def test_agent_writes_a_file(called: Called) -> None:
    path = called.workspace / "hello.txt"
    with ModelServer(Turn(WriteFile(str(path), CONTENT), FIRST), Turn(Say("Written."), SECOND)) as model:
        code, _, events = called.run(model, "-write hello.txt, 'please'\nand nothing else é")
        assert code == 0
        assert path.read_text() == CONTENT
        assert spent(events) == WHOLE
        assert answer(events) == "Written."
        assert [event.error for event in events if event.kind is EventKind.TOOL_RESULT] == [False]
        assert [event for event in events if event.session_id]
        asked = model.requests
        assert len(asked) == 2
        assert "-write hello.txt, 'please'\\nand nothing else é" in asked[0].text
        assert asked[0].credentials
        assert SECRET not in repr(asked)


def test_long_prompt_arrives_whole(called: Called) -> None:
    prompt = "begin " + "word " * 60_000 + "the-very-end"
    with ModelServer(Turn(Say("Read."))) as model:
        code, _, events = called.run(model, prompt)
        assert code == 0
        assert answer(events) == "Read."
        assert "word " * 60_000 + "the-very-end" in model.requests[0].text


def test_failing_model_is_a_failing_agent(called: Called) -> None:
    with ModelServer(Turn(Say("never"), fault=Fault.BAD_REQUEST)) as model:
        code, _, events = called.run(model, "anything")
        assert code != 0
        told = [event for event in events if event.kind is EventKind.ERROR or event.error]
        assert "scripted fault" in "".join(event.text for event in told)


def test_connection_lost_midway_is_tried_again(called: Called) -> None:
    turns = [Turn(Say("lost"), fault=Fault.CLOSE_MIDWAY), Turn(Say("Second time lucky."), SECOND)]
    with ModelServer(*turns) as model:
        code, _, events = called.run(model, "anything")
        assert code == 0
        assert answer(events) == "Second time lucky."
        assert len(model.requests) == 2


def test_killed_agent_keeps_what_it_spent(called: Called) -> None:
    path = called.workspace / "hello.txt"
    turns = [Turn(WriteFile(str(path), "x"), FIRST), Turn(Say("never"), fault=Fault.HANG)]
    with ModelServer(*turns) as model:
        options = {key: value for key, value in called.agent.with_(model.url).items() if key != "provider"}
        process = called.popen(model, HarnessTask(prompt="write", options=options))
        model.wait_for_requests(2)
        # The program from npm may be a script that waits for the real one.
        os.killpg(process.pid, signal.SIGKILL)
        stdout, _ = process.communicate(timeout=60)
    kept = {
        "claude": Usage(input=1000, cached=300, output=1),  # what a message put out comes at the very end
        "codex": None,  # it tells its usage at the end of a turn only
        "opencode": Usage(input=1000, cached=300, output=20),
    }
    assert spent(called.events(stdout)) == kept[called.agent.name]
