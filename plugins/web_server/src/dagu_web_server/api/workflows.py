"""Stored workflows."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Response

from dagu.contracts.service import WorkflowInfo
from dagu.errors import UsageError
from dagu_web_server.api import models
from dagu_web_server.parts import Parts, parts_of
from dagu_web_server.problems import Problem

router = APIRouter(tags=["workflows"])
TheParts = Annotated[Parts, Depends(parts_of)]
TheName = Annotated[
    models.Name, Path(description="Its file's path below the workflows' directory, without ending.")
]


def etag(text: str) -> str:
    """What tells a text from every other."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


@router.get("/workflows", operation_id="listWorkflows", response_model=list[models.Workflow])
def list_workflows(parts: TheParts) -> Any:
    """All stored workflows, by name, with their newest runs."""
    return parts.context.workflows()


@router.get("/workflows/{name:path}", operation_id="readWorkflow")
def read_workflow(parts: TheParts, name: TheName, response: Response) -> models.FullWorkflow:
    """A workflow and its text. `ETag` is the text's."""
    info, text = _found(parts, name)
    response.headers["ETag"] = etag(text)
    fields = {field: getattr(info, field) for field in models.FullWorkflow.model_fields if field != "text"}
    return models.FullWorkflow.model_validate({**fields, "text": text}, from_attributes=True)


@router.put("/workflows/{name:path}", operation_id="saveWorkflow")
def save_workflow(
    parts: TheParts,
    name: TheName,
    body: models.TextToSave,
    if_match: Annotated[str | None, Header(description="The `ETag` that is to be replaced.")] = None,
    if_none_match: Annotated[str | None, Header(description="`*`: only if there is none yet.")] = None,
) -> models.Saved:
    """Write a workflow, new or known, if it has no mistakes."""
    if if_match is not None or if_none_match == "*":
        now = _text(parts, name)
        if if_none_match == "*" and now is not None:
            raise Problem(412, f"there is a workflow {name!r} already", hint="choose another name")
        if if_match is not None and (now is None or if_match not in ("*", etag(now))):
            raise Problem(412, f"the workflow {name!r} was changed meanwhile", hint="read it again")
    if mistakes := parts.context.save(name, body.text):
        raise Problem(422, "the workflow has mistakes", mistakes=mistakes)
    return models.Saved(name=name, etag=etag(body.text))


@router.patch("/workflows/{name:path}", operation_id="suspendWorkflow", response_model=models.Workflow)
def suspend_workflow(parts: TheParts, name: TheName, body: models.Suspension) -> Any:
    """Have the scheduler leave a workflow alone, or no longer."""
    _found(parts, name)
    parts.context.suspend(name, body.suspended)
    return parts.context.workflow(name)


@router.delete("/workflows/{name:path}", operation_id="deleteWorkflow", status_code=204)
def delete_workflow(parts: TheParts, name: TheName) -> None:
    """Remove a workflow's file. Its history stays."""
    _found(parts, name)
    parts.context.delete(name)


@router.post("/validate", operation_id="validateWorkflow")
def validate_workflow(parts: TheParts, body: models.TextToCheck) -> models.Checked:
    """The mistakes of a workflow's text."""
    found = parts.context.validate(body.text, name=body.name)
    return models.Checked(mistakes=[models.Mistake.model_validate(dict(mistake)) for mistake in found])


def _found(parts: Parts, name: str) -> tuple[WorkflowInfo, str]:
    try:
        return parts.context.workflow(name), parts.context.source(name)
    except UsageError as error:
        raise Problem.of(error, usage=404) from error


def _text(parts: Parts, name: str) -> str | None:
    try:
        return parts.context.source(name)
    except UsageError:
        return None
