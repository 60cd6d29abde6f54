"""What dagu finds through the entry point. It imports nothing heavy: every ``dagu`` command reads it."""

from __future__ import annotations

from collections.abc import Iterable

import dagu
from dagu.contracts.provider import HarnessProvider, PromptChannel, ProviderFacts
from dagu.contracts.specs import ProviderSpec


def make_provider() -> HarnessProvider:
    """Called when a step uses the provider."""
    from dagu_example_provider.provider import WordCountProvider

    return WordCountProvider()


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``word-count``."""
    yield ProviderSpec(
        name="word-count",
        summary="Counts the words of its prompt",
        facts=ProviderFacts(
            binary="word-count-agent",
            prompt_channel=PromptChannel.STDIN,
            event_stream=True,
            install="python -m pip install dagu-example-provider",
        ),
        factory=make_provider,
    )
