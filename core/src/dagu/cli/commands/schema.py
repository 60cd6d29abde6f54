"""``dagu schema``."""

from __future__ import annotations

from dagu.cli import options

app = options.app()


@app.command()
def schema() -> None:
    """Print the JSON Schema of workflow files, for editors.

    \b
    Example:
      dagu schema > workflow.schema.json
    """
    from dagu.workflow.schema import json_schema

    options.print_json(json_schema())
