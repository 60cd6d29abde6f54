"""The pages of workflows."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from dagu.contracts.service import WorkflowInfo
from dagu.errors import UsageError
from dagu_web_server.api.workflows import etag
from dagu_web_server.pages import render
from dagu_web_server.pages.forms import fields
from dagu_web_server.parts import parts_of
from dagu_web_server.problems import Problem

FIRST_TEXT = """\
description: What it is for

params:
  - name: greeting
    default: hello

steps:
  - id: first
    run: echo "${params.greeting}"

  - id: second
    depends: first
    run: echo "and then"
"""


def workflows(request: Request) -> HTMLResponse:
    """All workflows."""
    found = parts_of(request).context.workflows()
    return render.page(request, "workflows.html", workflows=found, now=time.time())


def workflow(request: Request) -> HTMLResponse:
    """One workflow: its graph, its runs, and a form that starts it."""
    found = _found(request)
    return render.page(
        request, "workflow.html", workflow=found, fields=fields(found.params_schema), now=time.time()
    )


def edit(request: Request) -> HTMLResponse:
    """The text of a workflow, to be changed."""
    found = _found(request)
    source = parts_of(request).context.source(found.name)
    return render.page(request, "edit.html", name=found.name, text=source, etag=etag(source))


def new(request: Request) -> HTMLResponse:
    """A workflow to be written."""
    return render.page(request, "edit.html", name="", text=FIRST_TEXT, etag="")


def _found(request: Request) -> WorkflowInfo:
    try:
        return parts_of(request).context.workflow(request.path_params["name"])
    except UsageError as error:
        raise Problem.of(error, usage=404) from error


def routes() -> list[Any]:
    """Paths and their pages."""
    return [
        Route("/", workflows),
        Route("/new", new),
        Route("/workflows/{name:path}", workflow),
        Route("/edit/{name:path}", edit),
    ]
