"""The workflows on the agents' pages run as they stand, but for the image's name and where the model is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import programs as agent_programs
import pytest
import yaml
from agents import AGENTS, OPENCODE, Agent
from model_server import ModelServer, Say, Turn, WriteFile
from runs import ENDPOINTS, SECRET, Runs

PAGES = {"claude": "claude-code", "codex": "codex", "opencode": "opencode"}
FOLDER = Path(__file__).parents[2] / "docs" / "agents"
LOGINS: dict[str, tuple[str, Any]] = {
    "claude": (
        ".claude/.credentials.json",
        {"claudeAiOauth": {"accessToken": SECRET, "expiresAt": 4102444800000, "scopes": ["user:inference"]}},
    ),
    "codex": (".codex/auth.json", {"auth_mode": "apikey", "OPENAI_API_KEY": SECRET}),
    "opencode": (".local/share/opencode/auth.json", {"scripted": {"type": "api", "key": SECRET}}),
}


def workflows() -> list[Any]:
    found = []
    for agent, page in PAGES.items():
        text = (FOLDER / f"{page}.md").read_text()
        for name, body in re.findall(r"^```yaml (\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            found.append(pytest.param(agent, body, id=name))
    return found


def test_every_page_has_workflows() -> None:
    assert {parameter.values[0] for parameter in workflows()} == set(PAGES)


@pytest.mark.parametrize(("name", "text"), workflows())
def test_workflow(name: str, text: str, engine: str, runs: Runs, programs: Path) -> None:
    agent = AGENTS[name]
    image = agent_programs.image(name, ENDPOINTS[engine], programs)
    path, login = LOGINS[name]
    home = runs.folder / "home"
    (home / path).parent.mkdir(parents=True)
    (home / path).write_text(json.dumps(login))
    content = yaml.safe_load(text)
    secrets = {entry["key"]: SECRET for entry in content.get("secrets", ())}
    steps = content["steps"]
    turns = [Turn(WriteFile("made.txt", "made")), Turn(Say("Done."))]
    with ModelServer(*(turns * len(steps))) as model:
        point_at(model.url, image, agent, content)
        result = runs.start(json.dumps(content), model, DAGU_CONTAINER_RUNTIME=engine, **secrets)
        assert result.code == 0, result.stdout + result.stderr
        assert [result.output(step["id"]) for step in steps] == ["Done.\n"] * len(steps)
        assert len(model.requests) == 2 * len(steps)
        assert all(request.credentials for request in model.requests)
    writes = "review" not in text or name != "claude"  # that page's review may not write
    assert (runs.folder / "made.txt").exists() == writes
    assert SECRET not in result.everything_written()


def point_at(url: str, image: str, agent: Agent, content: dict[str, Any]) -> None:
    """Let the page's workflow use the test's image and the scripted model."""
    content["working_dir"] = "."
    for holder in (content, *content["steps"]):
        if container := holder.get("container"):
            container.update(image=image, pull_policy="never", network="host")
    if agent.name == "claude":
        content.setdefault("env", []).append({"ANTHROPIC_BASE_URL": url})
    if agent.name == "codex":
        holder = content.get("harness") or content["steps"][0]["with"]
        # As the real provider, but without its WebSocket, which the scripted model lacks.
        holder["config"] = [
            'model_provider="scripted"',
            f'model_providers.scripted={{name="OpenAI",base_url="{url}/v1",wire_api="responses",'
            "requires_openai_auth=true}",
        ]
    if agent.name == "opencode":
        point_opencode_at(url, content)


def point_opencode_at(url: str, content: dict[str, Any]) -> None:
    env = content.setdefault("env", [])
    env.append({"OPENCODE_DISABLE_MODELS_FETCH": "1"})
    for entry in env:
        if "OPENCODE_CONFIG_CONTENT" in entry:
            config = json.loads(entry["OPENCODE_CONFIG_CONTENT"])
            config["provider"]["own"]["options"]["baseURL"] = f"{url}/v1"
            entry["OPENCODE_CONFIG_CONTENT"] = json.dumps(config)
            return
    given = content["steps"][0]["with"]
    config = json.loads(json.dumps(OPENCODE).replace("{env:MODEL_URL}", url))
    if given.pop("model", None):
        config["provider"]["scripted"]["options"]["apiKey"] = "{env:ANTHROPIC_API_KEY}"
    else:
        del config["provider"]["scripted"]["options"]["apiKey"]
    env.append({"OPENCODE_CONFIG_CONTENT": json.dumps(config)})
