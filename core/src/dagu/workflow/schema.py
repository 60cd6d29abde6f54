"""The JSON Schema of workflow files, made from the shapes that read them."""

from __future__ import annotations

from typing import Any

from dagu.workflow.shapes.base import Definitions
from dagu.workflow.shapes.documents import DOCUMENT


def json_schema() -> dict[str, Any]:
    """The schema of one document, in Draft 2020-12."""
    definitions: Definitions = {}
    root = DOCUMENT.schema(definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dagu workflow",
        **root,
        "$defs": definitions,
    }
