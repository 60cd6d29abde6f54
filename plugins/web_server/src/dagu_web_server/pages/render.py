"""Templates to HTML."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from dagu_web_server import graph
from dagu_web_server.pages import assets, words
from dagu_web_server.parts import Parts, parts_of
from dagu_web_server.states import STATES, state

FOLDER = Path(__file__).parent.parent / "templates"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "duration": words.duration,
        "iso": words.iso,
        "moment": words.moment,
        "number": words.number,
        "dollars": words.dollars,
        "shown_json": words.shown_json,
        "shortened": words.shortened,
        "shown_params": words.shown_params,
        "state": state,
        "segment": lambda text: quote(str(text), safe=""),
        "path": lambda text: quote(str(text), safe="/"),
        "query": lambda values: urlencode({key: value for key, value in values.items() if value}),
    }
    environment.globals |= {
        "states": STATES,
        "draw": graph.draw,
        "box_height": graph.HEIGHT,
        "version": importlib.metadata.version("dagu-web-server"),
    }
    return environment


def text(parts: Parts, template: str, values: Mapping[str, Any]) -> str:
    """A template's text."""
    base = parts.config.base_path
    static = f"{base}/static/{assets.version()}"
    return _environment().get_template(template).render(values, base=base, static=static)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for whoever asked for it."""
    parts = parts_of(request)
    user = getattr(request.state, "user", "")
    here = request.url.path.removeprefix(parts.config.base_path)
    return HTMLResponse(text(parts, template, {"user": user, "here": here, **values}), status_code=status)
