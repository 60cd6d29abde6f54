"""Agents as steps of workflows: on the host, in a container of their own, in the run's shared container."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import programs as agent_programs
import pytest
from agents import AGENTS, CLAUDE, CODEX, Agent
from model_server import Fault, ModelServer, Say, Tokens, Turn, WriteFile
from runs import ENDPOINTS, SECRET, Result, Runs

FIRST = Tokens(input=1000, cached=300, output=20)
SECOND = Tokens(input=1200, cached=1000, output=30)
WRITES = (Turn(WriteFile("hello.txt", "hello\n"), FIRST), Turn(Say("Written."), SECOND))
PLACES = ("step", "shared")


def workflow(agent: Agent, model: ModelServer, *, place: str = "", image: str = "", **step: Any) -> str:
    """A workflow of one agent step, as JSON, which is YAML."""
    env = agent.env("${MODEL_URL}", "${SECRET}")
    content: dict[str, Any] = {
        "working_dir": "workspace",
        "env": [{name: value} for name, value in env.items()],
        "steps": [
            {
                "id": "agent",
                "action": "harness.run",
                "with": {**agent.with_(model.url), "prompt": "-write hello.txt", **step.pop("with_", {})},
                **step,
            }
        ],
    }
    container = {
        "image": image,
        "pull_policy": "never",
        "network": "host",
        "volumes": ["./:/workspace"],
        "working_dir": "/workspace",
    }
    if place == "step":
        content["steps"][0]["container"] = container
    if place == "shared":
        content["container"] = container
    return json.dumps(content)


def assert_written(result: Result, runs: Runs, agent: Agent, model: ModelServer) -> None:
    assert result.code == 0, result.stdout + result.stderr
    written = list(runs.workspace.rglob("hello.txt"))
    assert [path.read_text() for path in written] == ["hello\n"]
    assert result.output("agent") == "Written.\n"
    (attempt,) = result.attempts("agent")
    usage = attempt["usage"]
    assert (usage["input"], usage["cached"], usage["output"]) == (2200, 1300, 50)
    assert (usage["costUsd"] is not None) == agent.costs
    assert attempt["provider"] == agent.name
    assert attempt["sessionId"]
    assert "-write hello.txt" in model.requests[0].text
    assert SECRET not in result.everything_written()


@pytest.mark.parametrize("agent", AGENTS.values(), ids=list(AGENTS))
def test_on_the_host(agent: Agent, runs: Runs) -> None:
    with ModelServer(*WRITES) as model:
        result = runs.start(workflow(agent, model), model)
        assert_written(result, runs, agent, model)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("agent", AGENTS.values(), ids=list(AGENTS))
def test_in_a_container(agent: Agent, place: str, engine: str, runs: Runs, programs: Path) -> None:
    image = agent_programs.image(agent.name, ENDPOINTS[engine], programs)
    with ModelServer(*WRITES) as model:
        text = workflow(agent, model, place=place, image=image)
        result = runs.start(text, model, DAGU_CONTAINER_RUNTIME=engine)
        assert_written(result, runs, agent, model)
    assert containers(engine) == []


@pytest.mark.parametrize("place", PLACES)
def test_long_prompt_in_a_container(place: str, engine: str, runs: Runs, programs: Path) -> None:
    image = agent_programs.image("claude", ENDPOINTS[engine], programs)
    prompt = "begin " + "word " * 60_000 + "the-very-end"
    with ModelServer(Turn(Say("Read."))) as model:
        text = workflow(CLAUDE, model, place=place, image=image, with_={"prompt": prompt})
        result = runs.start(text, model, DAGU_CONTAINER_RUNTIME=engine)
        assert result.code == 0, result.stdout + result.stderr
        assert result.output("agent") == "Read.\n"
        assert "word " * 60_000 + "the-very-end" in model.requests[0].text


def test_output_schema_is_the_answer(runs: Runs) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    with ModelServer(Turn(Say('{"ok": true}'))) as model:
        result = runs.start(workflow(CODEX, model, output_schema=schema), model)
        assert result.code == 0, result.stdout + result.stderr
        assert json.loads(result.output("agent")) == {"ok": True}


def test_a_format_of_ones_own_is_the_output(runs: Runs) -> None:
    with ModelServer(Turn(Say("Hi."))) as model:
        result = runs.start(workflow(CLAUDE, model, with_={"output_format": "json"}), model)
        assert json.loads(result.output("agent"))["result"] == "Hi."
        assert "usage" not in result.attempts("agent")[0] or result.attempts("agent")[0]["usage"] is None


def test_fallback_takes_over(runs: Runs) -> None:
    with ModelServer(Turn(Say("never"), fault=Fault.BAD_REQUEST)) as broken, ModelServer(*WRITES) as model:
        step = CLAUDE.with_(broken.url)
        content = json.loads(workflow(CODEX, model))
        content["env"] += [{"ANTHROPIC_BASE_URL": broken.url}, {"ANTHROPIC_API_KEY": "${SECRET}"}]
        first = content["steps"][0]
        first["with"] = {**step, "prompt": "write", "fallback": [CODEX.with_(model.url)]}
        result = runs.start(json.dumps(content), model)
        assert result.code == 0, result.stdout + result.stderr
        attempts = result.attempts("agent")
        assert [each["provider"] for each in attempts] == ["claude", "codex"]
        assert [each["status"] for each in attempts] == ["failed", "succeeded"]
        assert attempts[1]["usage"]["input"] == 2200
        assert result.output("agent", attempt=2) == "Written.\n"
        assert (runs.workspace / "hello.txt").read_text() == "hello\n"


@pytest.mark.parametrize("place", ["", *PLACES])
def test_timed_out_agent_is_gone_and_its_usage_kept(
    place: str, engine: str, runs: Runs, programs: Path
) -> None:
    image = agent_programs.image("claude", ENDPOINTS[engine], programs) if place else ""
    turns = (WRITES[0], Turn(Say("never"), fault=Fault.HANG))
    with ModelServer(*turns) as model:
        text = workflow(CLAUDE, model, place=place, image=image, timeout_sec=8)
        result = runs.start(text, model, DAGU_CONTAINER_RUNTIME=engine)
        assert result.code == 1
        (attempt,) = result.attempts("agent")
        assert attempt["exitCode"] == 124
        assert attempt["usage"]["input"] == 1000
        assert len(model.requests) == 2
    assert containers(engine) == []
    assert processes(str(runs.folder)) == []


def test_missing_program_is_named(engine: str, runs: Runs) -> None:
    with ModelServer(Turn(Say("never"))) as model:
        text = workflow(CLAUDE, model, place="step", image="alpine:3.20")
        result = runs.start(text, model, DAGU_CONTAINER_RUNTIME=engine)
        assert result.code == 1
        assert "claude" in result.stderr
        assert "alpine:3.20" in result.stderr
        assert result.attempts("agent")[0]["exitCode"] == 127
        assert model.requests == []


def containers(engine: str) -> list[str]:
    """Containers of these tests that are still there."""
    program = (
        ["docker", "-H", ENDPOINTS[engine]] if engine == "docker" else ["podman", "--url", ENDPOINTS[engine]]
    )
    words = [*program, "ps", "-a", "--filter", "ancestor=dagu-tests/claude", "--format", "{{.Names}}"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def processes(mark: str) -> list[str]:
    """Processes whose environment mentions a path of the test."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes() and path.parent.name != str(os.getpid()):
                found.append((path.parent / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found
