"""``amp``: Amp.

``amp -x`` reads its prompt from standard input. Its event stream is ``--stream-json``, which its help calls
compatible with Claude Code's; the types are those of its SDK, https://ampcode.com/manual/sdk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import dagu
from dagu.contracts.provider import HarnessEvent, Option, PromptChannel, ProviderFacts, Usage
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers import claude_stream
from dagu_harness_providers.base import StdinProvider
from dagu_harness_providers.lines import Fields, count

FACTS = ProviderFacts(
    binary="amp",
    prompt_channel=PromptChannel.STDIN,
    credentials=("AMP_API_KEY",),
    hosts=("ampcode.com",),
    event_stream=True,
    install="npm install -g @sourcegraph/amp",
    homepage="https://ampcode.com/manual",
)


class AmpProvider(StdinProvider):
    """Runs ``amp -x``."""

    program = ("amp", "-x")
    stream: ClassVar[Mapping[str, Option]] = {"stream-json": True}
    format_flags = frozenset({"stream-json", "stream-json-thinking", "stream-json-input"})

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        return claude_stream.read(line, _usage)


def _usage(usage: Fields) -> Usage:
    cached = count(usage.get("cache_read_input_tokens"))
    written = count(usage.get("cache_creation_input_tokens"))
    return Usage(
        input=count(usage.get("input_tokens")) + written + cached,
        cached=cached,
        output=count(usage.get("output_tokens")),
    )


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``amp``."""
    yield ProviderSpec(name="amp", summary="Amp", facts=FACTS, factory=AmpProvider)
