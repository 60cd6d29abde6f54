"""How each agent is told to use the scripted model: options of the step and environment of the workflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dagu.contracts.provider import Option

OPENCODE = {
    "provider": {
        "scripted": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Scripted",
            "options": {"baseURL": "{env:MODEL_URL}/v1", "apiKey": "{env:MODEL_KEY}"},
            "models": {"one": {"name": "One"}},
        }
    },
    "model": "scripted/one",
    "small_model": "scripted/one",
    "autoupdate": False,
}


@dataclass(frozen=True)
class Agent:
    """One agent program.

    Attributes:
        costs: It tells what a run cost in US dollars.
    """

    name: str
    options: Mapping[str, Option]
    costs: bool = False

    def env(self, url: str, key: str) -> dict[str, str]:
        """What the program needs in its environment."""
        common = {"MODEL_URL": url, "MODEL_KEY": key}
        match self.name:
            case "claude":
                return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": key}
            case "opencode":
                return {
                    **common,
                    "OPENCODE_CONFIG_CONTENT": json.dumps(OPENCODE),
                    "OPENCODE_DISABLE_MODELS_FETCH": "1",
                }
        return common

    def with_(self, url: str) -> dict[str, Any]:
        """The step's ``with``, without a prompt."""
        options = {
            key: [str(item).replace("MODEL_URL", url) for item in value]
            if isinstance(value, tuple)
            else value
            for key, value in self.options.items()
        }
        return {"provider": self.name, **options}


CLAUDE = Agent("claude", {"permission_mode": "acceptEdits"}, costs=True)
CODEX = Agent(
    "codex",
    {
        "dangerously_bypass_approvals_and_sandbox": True,
        "config": (
            'model_provider="scripted"',
            'model_providers.scripted={name="Scripted",base_url="MODEL_URL/v1",wire_api="responses",env_key="MODEL_KEY"}',
        ),
    },
)
OPENCODE_AGENT = Agent("opencode", {}, costs=True)
AGENTS = {agent.name: agent for agent in (CLAUDE, CODEX, OPENCODE_AGENT)}
