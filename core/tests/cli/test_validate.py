"""``dagu validate``: silent about good files, complete about bad ones."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import yaml

GOOD = "steps:\n  - id: one\n    run: echo hi\n"


def test_a_good_file_is_met_with_silence_and_nothing_is_written(dagu: Any) -> None:
    result = dagu("validate", dagu.file("good.yaml", GOOD))
    assert (result.code, result.out, result.err) == (0, "", "")
    assert not dagu.home.exists()


def test_every_mistake_of_every_file_at_once(dagu: Any) -> None:
    first = dagu.file("first.yaml", "colour: red\nsteps:\n  - id: one\n    run: ''\n")
    second = dagu.file("second.yaml", "steps: []\n")
    good = dagu.file("good.yaml", GOOD)
    result = dagu("validate", first, good, second, str(dagu.directory / "none.yaml"))
    assert (result.code, result.out) == (1, "")
    lines = result.err.splitlines()
    assert lines[0] == f"{first} is not valid:"
    assert lines[1].startswith(f"  - {first}:1:1: ")
    assert "colour" in lines[1]
    assert lines[2].startswith(f"  - {first}:4:")
    assert f"{second} is not valid:" in lines
    assert lines[-1].startswith(f"  - {dagu.directory / 'none.yaml'}: can't be read")
    assert "good.yaml" not in result.err
    assert "Usage:" not in result.err
    assert "Traceback" not in result.err


def test_a_name_in_the_first_document_is_for_start_only(dagu: Any) -> None:
    file = dagu.file("named.yaml", f"name: other\n{GOOD}")
    assert "entrypoint" in dagu("validate", file).err
    assert dagu("dry", file).code == 0


def test_a_notice_is_no_mistake(dagu: Any) -> None:
    file = dagu.file("env.yaml", f"env:\n  - DOCKER_HOST: tcp://x\n{GOOD}")
    result = dagu("validate", file)
    assert (result.code, result.out) == (0, "")
    assert "DOCKER_HOST changes nothing" in result.err


def test_the_base_config_counts(dagu: Any) -> None:
    base = dagu.file("base.yaml", "colour: red\n")
    result = dagu("validate", dagu.file("good.yaml", GOOD), DAGU_BASE_CONFIG=base)
    assert result.code == 1
    assert "colour" in result.err


def test_the_schema_fits_a_good_file(dagu: Any) -> None:
    result = dagu("schema")
    assert (result.code, result.err) == (0, "")
    schema = json.loads(result.out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(GOOD), schema)
