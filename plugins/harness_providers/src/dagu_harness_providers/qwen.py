"""``qwen``: Qwen Code.

It reads its prompt from standard input when that is no terminal. Its event stream is ``--output-format
stream-json`` (https://qwenlm.github.io/qwen-code-docs/en/users/features/headless/), in the manner of Claude
Code but with cached tokens inside ``input_tokens``; checked with 0.15.
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
    binary="qwen",
    prompt_channel=PromptChannel.STDIN,
    credentials=("OPENAI_API_KEY", "DASHSCOPE_API_KEY"),
    event_stream=True,
    install="npm install -g @qwen-code/qwen-code",
    homepage="https://qwenlm.github.io/qwen-code-docs/en/users/features/headless/",
)


class QwenProvider(StdinProvider):
    """Runs ``qwen``."""

    program = ("qwen",)
    stream: ClassVar[Mapping[str, Option]] = {"output-format": "stream-json"}

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        return claude_stream.read(line, _usage)


def _usage(usage: Fields) -> Usage:
    return Usage(
        input=count(usage.get("input_tokens")),
        cached=count(usage.get("cache_read_input_tokens")),
        output=count(usage.get("output_tokens")),
    )


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``qwen``."""
    yield ProviderSpec(name="qwen", summary="Qwen Code", facts=FACTS, factory=QwenProvider)
