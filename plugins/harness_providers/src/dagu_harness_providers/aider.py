"""``aider``: Aider.

``aider --message-file FILE`` reads its prompt from a file: https://aider.chat/docs/scripting.html. It has no
event stream.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagu
from dagu.contracts.provider import PromptChannel, ProviderFacts
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers.base import FileProvider

FACTS = ProviderFacts(
    binary="aider",
    prompt_channel=PromptChannel.FILE,
    credentials=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"),
    install="python -m pip install aider-chat",
    homepage="https://aider.chat/docs/scripting.html",
)


class AiderProvider(FileProvider):
    """Runs ``aider --message-file``."""

    program = ("aider",)
    file_flag = "--message-file"


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``aider``."""
    yield ProviderSpec(name="aider", summary="Aider", facts=FACTS, factory=AiderProvider)
