"""``goose``: Goose.

``goose run --instructions -`` reads its prompt from standard input:
https://block.github.io/goose/docs/guides/goose-cli-commands. The lines of its ``stream-json`` are documented
nowhere, so no event stream is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

import dagu
from dagu.contracts.provider import Option, PromptChannel, ProviderFacts
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers.base import StdinProvider

FACTS = ProviderFacts(
    binary="goose",
    prompt_channel=PromptChannel.STDIN,
    credentials=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GOOGLE_API_KEY"),
    install="brew install block-goose-cli",
    homepage="https://block.github.io/goose/docs/guides/goose-cli-commands",
)


class GooseProvider(StdinProvider):
    """Runs ``goose run``, with ``--quiet`` unless ``quiet`` is false."""

    program = ("goose", "run", "--instructions", "-")
    defaults: ClassVar[Mapping[str, Option]] = {"quiet": True}


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``goose``."""
    yield ProviderSpec(name="goose", summary="Goose", facts=FACTS, factory=GooseProvider)
