"""``dagu usage``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.names import workflow_name
from dagu.cli.options import AsJson, Format, ListFormat
from dagu.cli.session import session
from dagu.cli.text import ago, remark, table
from dagu.history.records import UsageSum

app = options.app()
HEADS = ["workflow", "provider", "model", "attempts", "input", "cached", "output", "cost usd"]


@app.command()
def usage(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Only this workflow, by name or file.", show_default=False)
    ] = "",
    since: Annotated[
        str, typer.Option("--since", help="Only attempts since then: 7d, 24h, 2031-04-05.")
    ] = "",
    output: ListFormat = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Sum up the tokens, and the cost where agents tell it, by workflow, provider and model.

    \b
    Examples:
      dagu usage --since 30d
      dagu usage review --json
    """
    sums = session(context).history.usage(
        since=ago(since) if since else None, workflow=workflow_name(name) if name else None
    )
    if not sums:
        remark("no agent has spent anything")
    if as_json or output is Format.JSON:
        options.print_json([asdict(entry) for entry in sums])
    elif output is Format.CSV:
        options.print_csv(HEADS, [_row(entry) for entry in sums])
    elif sums:
        rows = [_row(entry) for entry in sums]
        if len(sums) > 1:
            rows.append(_row(_total(sums)))
        typer.echo(table([head.upper() for head in HEADS], rows), nl=False)
        if silent := sum(entry.without_cost for entry in sums):
            remark(f"{silent} attempts told no cost")


def _row(entry: UsageSum) -> list[str]:
    cost = "" if entry.cost_usd is None else f"{entry.cost_usd:.4f}"
    numbers = (entry.attempts, entry.input, entry.cached, entry.output)
    return [entry.workflow, entry.provider, entry.model, *(str(number) for number in numbers), cost]


def _total(sums: list[UsageSum]) -> UsageSum:
    costs = [entry.cost_usd for entry in sums if entry.cost_usd is not None]
    return UsageSum(
        workflow="total",
        provider="",
        model="",
        attempts=sum(entry.attempts for entry in sums),
        input=sum(entry.input for entry in sums),
        cached=sum(entry.cached for entry in sums),
        output=sum(entry.output for entry in sums),
        cost_usd=sum(costs) if costs else None,
        without_cost=sum(entry.without_cost for entry in sums),
    )
