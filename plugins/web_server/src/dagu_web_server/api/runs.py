"""Runs: begun, listed, watched, ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from starlette.concurrency import run_in_threadpool

from dagu.contracts.service import Json, RunFilter
from dagu.errors import UsageError
from dagu_web_server.api import models
from dagu_web_server.parts import Parts, parts_of
from dagu_web_server.problems import Problem
from dagu_web_server.streaming import Event, EventStream

router = APIRouter(tags=["runs"])
TheParts = Annotated[Parts, Depends(parts_of)]
TheRun = Annotated[models.RunId, Path(description="The run's id.")]
Seconds = Annotated[float, Query(ge=0, le=1e11, allow_inf_nan=False)]
MOST = 2000
"""Runs on a page."""
PACE = 0.2
"""Seconds between two events of a run at least."""
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": _EVENT}}}}


@router.post("/runs", operation_id="startRun", status_code=202)
def start_run(parts: TheParts, body: models.StartRequest, response: Response) -> models.Started:
    """Start a workflow, or put it in a queue."""
    run_id = body.run_id or ""
    if body.enqueue or body.queue:
        begun = parts.context.enqueue(body.workflow, params=body.params, run_id=run_id, queue=body.queue)
    else:
        begun = parts.context.start(body.workflow, params=body.params, run_id=run_id)
    response.headers["Location"] = f"{parts.config.base_path}/api/v1/runs/{begun}"
    return models.Started(run_id=begun)


@router.get("/runs", operation_id="listRuns")
def list_runs(
    parts: TheParts,
    workflow: Annotated[str, Query(max_length=255)] = "",
    run_id: Annotated[str, Query(max_length=64, description="Any part of the id.")] = "",
    status: Annotated[list[str], Query(max_length=20, description="Any of these.")] = [],  # noqa: B006 (FastAPI copies it)
    label: Annotated[str, Query(max_length=255, description="`key` or `key=value`.")] = "",
    since: Seconds | None = None,
    until: Seconds | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> models.RunPage:
    """Runs, newest first."""
    wanted = RunFilter(
        workflow=workflow,
        run_id_part=run_id,
        status=tuple(status),
        since=since,
        until=until,
        label=label,
        limit=limit,
        offset=offset,
    )
    runs = [models.Run.model_validate(run) for run in parts.context.runs(wanted)]
    return models.RunPage(runs=runs, total=parts.context.count(wanted), limit=limit, offset=offset)


@router.get("/runs/{run_id}", operation_id="readRun", response_model=models.FullRun)
def read_run(parts: TheParts, run_id: TheRun) -> Any:
    """A run with its steps and their attempts."""
    return parts.context.run(run_id)


@router.get("/runs/{run_id}/steps", operation_id="listSteps", response_model=list[models.Step])
def list_steps(parts: TheParts, run_id: TheRun) -> Any:
    """The steps of a run, in the order of the file."""
    return parts.context.run(run_id)["steps"]


@router.get(
    "/runs/{run_id}/events",
    operation_id="followRun",
    responses=EVENTS,
    status_code=200,
    response_class=EventStream,
)
async def follow_run(parts: TheParts, run_id: TheRun) -> EventStream:
    """The run now, and again when something of it changed (server-sent events `run`), until it ended (`end`)."""

    def to_events(run: Json) -> Iterator[Event]:
        yield Event("run", models.FullRun.model_validate(run).model_dump())

    following = await run_in_threadpool(parts.context.follow_run, run_id)
    return EventStream(parts.feeds, following, to_events, latest=True, pace=PACE)


@router.post("/runs/{run_id}/stop", operation_id="stopRun", status_code=202)
def stop_run(parts: TheParts, run_id: TheRun) -> models.Started:
    """Ask a run to stop. It may take a while; an ended run is fine."""
    _asked(lambda: parts.context.stop(run_id))
    return models.Started(run_id=run_id)


@router.post("/runs/{run_id}/retry", operation_id="retryRun", status_code=202)
def retry_run(parts: TheParts, run_id: TheRun) -> models.Started:
    """Run an ended run again, from its failed steps on."""
    return models.Started(run_id=_asked(lambda: parts.context.retry(run_id)))


@router.post("/runs/{run_id}/resume", operation_id="resumeRun", status_code=202)
def resume_run(parts: TheParts, run_id: TheRun) -> models.Started:
    """Take up an interrupted run."""
    return models.Started(run_id=_asked(lambda: parts.context.resume(run_id)))


def _asked(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except UsageError as error:
        raise Problem.of(error, usage=409) from error
