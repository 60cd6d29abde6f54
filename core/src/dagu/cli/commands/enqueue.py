"""``dagu enqueue``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagu.cli import options
from dagu.cli.commands.start import Extra, Params, RunId, WithArguments, arguments
from dagu.cli.session import session
from dagu.cli.text import remark
from dagu.errors import WorkflowInvalid

if TYPE_CHECKING:
    from dagu.service.config import Config
    from dagu.service.stored import Stored

app = options.app()


@app.command(cls=WithArguments)
def enqueue(
    context: typer.Context,
    workflow: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A file, or the name of a stored workflow.", show_default=False),
    ],
    extra: Extra = None,
    params: Params = "",
    run_id: RunId = "",
    queue: Annotated[
        str, typer.Option("--queue", help="The queue; without it, the workflow's own choice.")
    ] = "",
    priority: Annotated[int, typer.Option("--priority", help="The highest in a queue starts first.")] = 0,
) -> None:
    """Put a run of a workflow in a queue, and print its id.

    A scheduler starts it (`dagu scheduler` or `dagu start-all`), as the file is now, once its queue has room.

    \b
    Examples:
      dagu enqueue nightly
      dagu enqueue build.yaml --queue slow --priority 5 -- target=release
    """
    from dagu.service.config import load_config
    from dagu.service.enqueue import QueuedRun, given_input
    from dagu.service.lock import SchedulerLock
    from dagu.workflow.load import read_text

    found = session(context)
    config = load_config(found.environ)
    stored = _found(config, workflow)
    if stored.problems:
        raise WorkflowInvalid(stored.problems)
    record = QueuedRun(
        workflow=stored.name,
        file=stored.file,
        source=read_text(stored.file),
        given=given_input(params, arguments(context, extra)),
        run_id=run_id,
        queue=queue or stored.schedule.queue or stored.name,
        priority=priority,
        labels=stored.labels,
    ).record()
    found.history.add_run(record)
    typer.echo(record.run_id)
    shared = found.shared()
    if shared is not None:
        from dagu.service.routing import routing

        where = routing(record, config.base_config)
        if not where.local and (advice := shared.advice(where.order(record.run_id))):
            remark(advice)
    if not SchedulerLock(config.home).is_held():
        remark(f"it waits in queue {record.queue!r}; no scheduler runs, start one with `dagu scheduler`")


def _found(config: Config, given: str) -> Stored:
    """A stored workflow by its name, or any file; a file that is stored is called by its name too."""
    from dagu.service.context import stored_workflows
    from dagu.service.stored import read_stored

    workflows = stored_workflows(config)
    path = Path(given)
    if not path.is_file():
        return workflows.get(given)
    directory = config.dags_dir.resolve()
    if path.resolve().is_relative_to(directory):
        return workflows.get(path.resolve().relative_to(directory).with_suffix("").as_posix())
    stored = read_stored(path.stem, path, config.base_config, config.zone)
    return replace(stored, name=stored.title or path.stem)
