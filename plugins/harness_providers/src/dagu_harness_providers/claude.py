"""``claude``: Claude Code.

``claude -p`` reads its prompt from standard input. Its event stream is ``--output-format stream-json
--verbose`` (https://docs.claude.com/en/docs/claude-code/headless); what follows was seen with 2.1.330:

- A message's usage is what was known when it began, so its ``output_tokens`` are a lower bound until the
  ``result`` comes.
- ``usage`` of a ``result`` leaves out subagents. ``modelUsage`` and ``total_cost_usd`` count everything, but
  go on from an earlier run of a resumed session; ``model_usage_since_last_result`` does not.
- There are several ``result`` lines when subagents finish in the background.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import dagu
from dagu.contracts.provider import EventKind, HarnessEvent, Option, PromptChannel, ProviderFacts, Usage
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers import claude_stream
from dagu_harness_providers.base import StdinProvider
from dagu_harness_providers.lines import Fields, cost, count, fields, table, tables, text

FACTS = ProviderFacts(
    binary="claude",
    prompt_channel=PromptChannel.STDIN,
    credentials=("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN"),
    hosts=("api.anthropic.com",),
    event_stream=True,
    install="npm install -g @anthropic-ai/claude-code",
    homepage="https://docs.claude.com/en/docs/claude-code/headless",
)


class ClaudeProvider(StdinProvider):
    """Runs ``claude -p``."""

    program = ("claude", "-p")
    stream: ClassVar[Mapping[str, Option]] = {"output-format": "stream-json", "verbose": True}

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        message = fields(line)
        if message.get("type") == "result":
            return [_total(message), claude_stream.end(message)]
        if message.get("type") == "system" and message.get("subtype") == "api_retry":
            status = count(message.get("error_status"))
            said = f"the model's API answered {status} ({text(message.get('error'))}), trying again"
            return [HarnessEvent(kind=EventKind.ERROR, text=said)]
        return claude_stream.read(line, _usage)


def _total(message: Fields) -> HarnessEvent:
    models = table(message.get("modelUsage"))
    latest = table(message.get("model_usage_since_last_result"))
    if latest and not count(message.get("result_index")):
        models = latest
    each = tables(list(models.values()))
    dollars = [value for model in each if (value := cost(model.get("costUSD"))) is not None]
    return HarnessEvent(
        kind=EventKind.USAGE,
        usage=_sum([_model_usage(model) for model in each]) if each else _usage(table(message.get("usage"))),
        cost_usd=sum(dollars) if dollars else cost(message.get("total_cost_usd")),
        total=True,
    )


def _usage(usage: Fields) -> Usage:
    return _counted(
        usage, "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"
    )


def _model_usage(usage: Fields) -> Usage:
    return _counted(usage, "inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "outputTokens")


def _counted(usage: Fields, fresh: str, read: str, written: str, output: str) -> Usage:
    cached = count(usage.get(read))
    return Usage(
        input=count(usage.get(fresh)) + count(usage.get(written)) + cached,
        cached=cached,
        output=count(usage.get(output)),
    )


def _sum(usages: Sequence[Usage]) -> Usage:
    return Usage(
        input=sum(usage.input for usage in usages),
        cached=sum(usage.cached for usage in usages),
        output=sum(usage.output for usage in usages),
    )


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``claude``."""
    yield ProviderSpec(name="claude", summary="Claude Code", facts=FACTS, factory=ClaudeProvider)
