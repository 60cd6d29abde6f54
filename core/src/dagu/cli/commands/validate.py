"""``dagu validate``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dagu.cli import options
from dagu.cli.names import workflow_file
from dagu.cli.schedules import check_schedule
from dagu.cli.session import session
from dagu.errors import WorkflowInvalid

app = options.app()


@app.command()
def validate(
    context: typer.Context,
    files: Annotated[list[str], typer.Argument(metavar="FILE...", show_default=False)],
    show_unresolved: Annotated[
        bool, typer.Option("--show-unresolved", help="Also tell which references only a run can replace.")
    ] = False,
) -> None:
    """Check workflow files. Nothing is run, and nothing is printed about good ones.

    Every mistake is told at once, as FILE:LINE:COLUMN: MESSAGE.

    \b
    Examples:
      dagu validate build.yaml
      dagu validate workflows/*.yaml
      dagu validate --show-unresolved build.yaml
    """
    from dagu.workflow.load import load_file
    from dagu.workflow.notices import notices

    environ = session(context).environ
    given = environ.get("DAGU_BASE_CONFIG", "")
    base = Path(given) if given else None
    valid = True
    for file, _ in (workflow_file(file, environ) for file in files):
        try:
            workflow = load_file(file, base=base, entry_name_allowed=False)
            check_schedule(workflow)
        except WorkflowInvalid as error:
            valid = False
            sys.stderr.write(failure(file, error))
        else:
            for notice in notices(workflow, show_unresolved=show_unresolved):
                place = "" if notice.startswith(f"{file}:") else f"{file}: "
                sys.stderr.write(f"{place}{notice}\n")
    raise typer.Exit(0 if valid else 1)


def failure(file: Path, error: WorkflowInvalid) -> str:
    """The file, then a bullet for each mistake; further lines of one are indented."""
    bullets = (str(problem).replace("\n", "\n    ") for problem in error.problems)
    return f"{file} is not valid:\n" + "".join(f"  - {bullet}\n" for bullet in bullets)
