"""``kiro``: Kiro CLI.

``kiro-cli chat --no-interactive`` reads its prompt from standard input when that is no terminal:
https://kiro.dev/docs/cli/headless. It has no event stream.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagu
from dagu.contracts.provider import PromptChannel, ProviderFacts
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers.base import StdinProvider

FACTS = ProviderFacts(
    binary="kiro-cli",
    prompt_channel=PromptChannel.STDIN,
    credentials=("KIRO_API_KEY",),
    install="curl -fsSL https://cli.kiro.dev/install | bash",
    homepage="https://kiro.dev/docs/cli/headless",
)


class KiroProvider(StdinProvider):
    """Runs ``kiro-cli chat --no-interactive``."""

    program = ("kiro-cli", "chat", "--no-interactive")


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``kiro``."""
    yield ProviderSpec(name="kiro", summary="Kiro CLI", facts=FACTS, factory=KiroProvider)
