"""The API against its own description, on a real context: whatever is sent, no bug, and answers as described."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dagu.cli.main import main
from dagu.cli.session import Session
from dagu.contracts.service import ServiceContext
from dagu.service.config import load_config
from dagu.service.context import LocalContext
from dagu_web_server.api.application import make_api
from dagu_web_server.config import Config
from dagu_web_server.parts import Parts
from dagu_web_server.service import WebService

WORKFLOW = """\
params:
  - name: who
    default: you
steps:
  - id: greet
    run: echo "said=hello ${params.who}" >> "$DAGU_OUTPUT_FILE"
    outputs: [{name: said}]
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    (home / "dags").mkdir()
    for name in ("hello", "spare"):
        (home / "dags" / f"{name}.yaml").write_text(WORKFLOW)
    environ = {
        "DAGU_HOME": str(home),
        "DAGU_PORT": "0",
        "PATH": str(Path(sys.executable).parent) + ":/usr/bin:/bin",
    }
    for number in range(3):
        assert (
            main(["start", "-q", "--run-id", f"r{number}", str(home / "dags" / "hello.yaml")], environ) == 0
        )
    context = LocalContext(load_config(environ), Session(environ).plugins)
    # What is begun here would outlive the test.
    context.launcher.refuse("tests begin no runs")
    service = WebService(context)
    thread = threading.Thread(target=service.run)
    thread.start()
    yield service.url
    service.stop(5)
    thread.join(60)
    context.close()


CHECKS = [
    checks.not_a_server_error,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]


def known_half_of_the_time(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """What is there already is asked for as often as what is not."""
    found = path_parameters or {}
    name = "spare" if context.operation.method == "delete" else "hello"
    for parameter, known in (("run_id", "r1"), ("name", name)):
        if parameter in found and len(str(found[parameter])) % 2:
            found[parameter] = known
    return found


def operations(mode: GenerationMode) -> list[Any]:
    api = make_api(Parts(context=cast(ServiceContext, None), config=Config()))
    found = schemathesis.openapi.from_dict(api.openapi())
    if mode is GenerationMode.POSITIVE:  # elsewhere the path may be just what does not fit
        found.hook("map_path_parameters")(known_half_of_the_time)
    return [operation.ok() for operation in found.get_all_operations()]


MODES = {"fitting": GenerationMode.POSITIVE, "unfitting": GenerationMode.NEGATIVE}
CASES = [
    pytest.param(operation, mode, id=f"{operation.label}-{name}")
    for name, mode in MODES.items()
    for operation in operations(mode)
    # What takes nothing can't be given anything unfitting.
    if mode is GenerationMode.POSITIVE or any(operation.iter_parameters()) or operation.body
]


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_the_api_is_as_described(operation: Any, mode: GenerationMode, url: str) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=f"{url}api/v1", checks=CHECKS, timeout=60)

    check()
