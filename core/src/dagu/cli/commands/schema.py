"""``dagu schema``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from dagu.cli import options
from dagu.cli.session import session

app = options.app()


@app.command()
def schema(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="[FILE]", show_default=False)] = "",
) -> None:
    """Print the JSON Schema of workflow files, for editors; or that of the parameters of one workflow.

    \b
    Examples:
      dagu schema > workflow.schema.json
      dagu schema build.yaml
    """
    from dagu.workflow.schema import json_schema

    base = session(context).environ.get("DAGU_BASE_CONFIG", "")
    options.print_json(_of_params(Path(file), Path(base) if base else None) if file else json_schema())


def _of_params(file: Path, base: Path | None) -> dict[str, Any]:
    from dagu.run.params import read_schema
    from dagu.service.stored import params_schema
    from dagu.workflow.load import load_file

    workflow = load_file(file, base=base)
    named = read_schema(workflow)
    if named is not None:
        workflow = replace(workflow, params=replace(workflow.params, schema=named))
    return params_schema(workflow) or {"type": "object", "properties": {}}
