"""A real agent program on a worker: what it said, did and spent comes home."""

from __future__ import annotations

import json
from pathlib import Path

import e2e_engines
import programs as agent_programs
import pytest
from agents import CLAUDE, CODEX, Agent
from model_server import ModelServer, Say, Tokens, Turn, WriteFile
from workers_engines import Engines
from workers_site import Seen, Site

from dagu.contracts.provider import EventKind
from dagu.plugins import Plugins
from dagu.run.stores import open_history

SECRET = "key-that-must-not-show-4711"
FIRST = Tokens(input=1000, cached=300, output=20)
SECOND = Tokens(input=1200, cached=1000, output=30)


@pytest.mark.parametrize(
    ("agent", "engine", "on_lost"),
    [(CLAUDE, "docker", "interrupt"), (CODEX, "podman", "retry")],
    ids=["claude", "codex"],
)
def test_what_an_agent_did_comes_home(
    agent: Agent, engine: str, on_lost: str, site: Site, seen: Seen
) -> None:
    engines = Engines({engine: e2e_engines.engine(engine)})
    image = agent_programs.image(agent.name, engines.found[engine].endpoint, agent_programs.install())
    made = site.file("hello.txt")
    with ModelServer(Turn(WriteFile(str(made), "hello\n"), FIRST), Turn(Say("Written."), SECOND)) as model:
        site.workflow("agent", workflow(agent, model, image, site.directory, on_lost))
        site.start_server()
        engines.worker(site, "w1", engine, MODEL_URL=model.url, SECRET=SECRET)
        run_id = site.enqueue("agent")
        run = site.until_status(run_id, "succeeded", "failed")
        assert run["status"] == "succeeded", run
    assert run["workerId"] == "w1"
    assert made.read_text() == "hello\n"
    (attempt,) = run["steps"][0]["attempts"]
    assert (attempt["place"], attempt["provider"]) == ("container", agent.name)
    assert attempt["sessionId"]
    assert site.dagu("logs", run_id, "agent", "--follow") == "Written.\n"
    (row,) = json.loads(site.dagu("usage", "agent", "--json"))
    assert (row["input"], row["cached"], row["output"]) == (2200, 1300, 50)
    assert (row["cost_usd"] is not None) == agent.costs
    environ = site.env(site.home)
    with open_history(environ, site.home, Plugins(environ)) as history:
        kinds = [event.kind for event in history.agent_events(run_id)]
    wanted = (EventKind.TOOL_CALL, EventKind.TOOL_RESULT, EventKind.TEXT)
    assert {kind.value for kind in wanted} <= set(kinds), kinds
    assert SECRET not in everything(site)
    assert not engines.containers(engine, run_id)
    engines.disconnect()
    seen(f"agent-{agent.name}", engine=engine)


def workflow(agent: Agent, model: ModelServer, image: str, folder: Path, on_lost: str) -> str:
    """A workflow of one agent step, as JSON, which is YAML."""
    step = {
        "id": "agent",
        "action": "harness.run",
        "with": {**agent.with_(model.url), "prompt": "write hello.txt"},
        "container": {
            "image": image,
            "pull_policy": "never",
            "network": "host",
            "volumes": [f"{folder}:{folder}"],
            "working_dir": str(folder),
        },
    }
    env = [{name: value} for name, value in agent.env("${MODEL_URL}", "${SECRET}").items()]
    return json.dumps({"on_worker_lost": on_lost, "env": env, "steps": [step]})


def everything(site: Site) -> str:
    """All that the run left at home, with its worker, and in the database."""
    files = [path for path in site.directory.rglob("*") if path.is_file()]
    rows = [
        site.sql(f"SELECT * FROM {table}") for table in ("dagu_runs", "dagu_attempts", "dagu_agent_events")
    ]
    return "".join(path.read_text(errors="replace") for path in files) + "".join(rows)
