"""The REST API as an application, and its description."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from dagu.errors import DaguError
from dagu_web_server.api import outputs, runs, system, workflows
from dagu_web_server.api.models import ProblemDetails
from dagu_web_server.parts import Parts
from dagu_web_server.problems import MEDIA_TYPE, Problem

_DESCRIPTION = """Workflows, runs, what they print and what agents do in them.

Errors are problem details (RFC 9457): `detail` says what went wrong, `hint` what to do about it.
"""


def make_api(parts: Parts) -> FastAPI:
    """The application below ``/api/v1``."""
    api = FastAPI(
        title="dagu",
        version=importlib.metadata.version("dagu-web-server"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
    )
    api.state.parts = parts
    for module in (workflows, runs, outputs, system):
        api.include_router(module.router)
    api.add_exception_handler(Problem, _problem)
    api.add_exception_handler(DaguError, _core_error)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http_error)
    api.add_exception_handler(Exception, _bug)
    api.openapi = lambda: _described(api, parts)  # type: ignore[method-assign]
    return api


def _described(api: FastAPI, parts: Parts) -> dict[str, Any]:
    if api.openapi_schema is None:
        schema = get_openapi(
            title=api.title, version=api.version, description=api.description, routes=api.routes
        )
        schema["servers"] = [{"url": f"{parts.config.base_path}/api/v1"}]
        parts_of_schema = schema.setdefault("components", {})
        # Each operation may end like this; FastAPI would describe another shape for status 422 only.
        problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
        parts_of_schema["schemas"].update(problem.pop("$defs", {}), ProblemDetails=problem)
        for unused in ("HTTPValidationError", "ValidationError"):
            parts_of_schema["schemas"].pop(unused, None)
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
        parts_of_schema["responses"] = {"Problem": {"description": "It did not work.", "content": content}}
        parts_of_schema["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}, {}]
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
        api.openapi_schema = schema
    return api.openapi_schema


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return error.response()


async def _core_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DaguError)
    return Problem.of(error).response()


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return Problem(error.status_code, str(error.detail), headers=error.headers).response()


async def _bug(_: Request, error: Exception) -> JSONResponse:
    del error  # the server logs it
    return Problem(500, "a bug in dagu", hint="the server's log says more; please report it").response()


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    wrong = [
        f"{'.'.join(str(part) for part in found['loc'] if part != 'body')}: {found['msg']}".removeprefix(": ")
        for found in error.errors()
    ]
    return Problem(422, "; ".join(wrong)).response()
