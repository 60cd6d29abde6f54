"""``dagu start`` and ``dagu dry``: exit status, streams, arguments."""

from __future__ import annotations

import json
import types
from typing import Any

import pytest

import dagu as package
from dagu.plugins import Plugins

TWO = """
    steps:
      - id: one
        run: echo hello
      - id: two
        run: echo world
        depends: one
"""
PARAMS = """
    params:
      - name: who
        default: nobody
    steps:
      - id: greet
        run: printf '%s' "${params.who}"
"""


def test_success(dagu: Any) -> None:
    result = dagu("start", dagu.file("two.yaml", TWO), "--run-id", "r1")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].startswith("two  succeeded")
    assert lines[0].endswith("r1")
    assert [line[:4] for line in lines[1:]] == ["├─ o", "└─ t"]
    assert all("succeeded" in line for line in lines)
    assert "one: running" in result.err
    assert "two: succeeded" in result.err
    assert "echo" not in result.out + result.err


def test_failure_tells_the_cause_and_the_end_of_stderr(dagu: Any) -> None:
    file = dagu.file(
        "bad.yaml",
        """
        steps:
          - id: breaks
            run: echo it went wrong >&2; exit 3
          - id: later
            run: echo never
            depends: breaks
        """,
    )
    result = dagu("start", file)
    assert result.code == 1
    assert "it went wrong" in result.err
    assert "breaks  failed" in result.out
    assert "later   aborted" in result.out


def test_quiet_says_only_what_went_wrong(dagu: Any) -> None:
    good = dagu("start", "-q", dagu.file("two.yaml", TWO))
    assert (good.code, good.out, good.err) == (0, "", "")
    bad = dagu("start", "--quiet", dagu.file("bad.yaml", "steps:\n  - id: b\n    run: exit 3\n"))
    assert (bad.code, bad.out) == (1, "")
    assert "b: failed" in bad.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nobody"),
        (["--", "who=me"], "me"),
        (["--", "who=two words"], "two words"),
        (["--", "--"], "--"),
        (["--", "-x"], "-x"),
        (["--params", "who=me"], "me"),
        (["-p", '{"who": "json"}'], "json"),
        (["--params=who=eq"], "eq"),
    ],
)
def test_parameters(dagu: Any, arguments: list[str], said: str) -> None:
    result = dagu("start", "-r", "r1", dagu.file("params.yaml", PARAMS), *arguments)
    assert (result.code, dagu("logs", "r1", "greet").out) == (0, said)


def test_words_that_are_not_after_two_dashes(dagu: Any) -> None:
    result = dagu("start", dagu.file("params.yaml", PARAMS), "who=me")
    assert (result.code, result.out) == (1, "")
    assert "unexpected argument 'who=me'" in result.err
    assert "--" in result.err
    assert dagu("start").code == 2
    assert dagu("start", "--nope").code == 2


def test_a_file_with_mistakes_or_none(dagu: Any) -> None:
    file = dagu.file("wrong.yaml", "steps:\n  - id: a\n    run: 5\n    colour: red\n  - id: a\n    run: x\n")
    result = dagu("start", file)
    assert (result.code, result.out) == (1, "")
    assert f"{file} is not valid:" in result.err
    assert "colour" in result.err
    missing = dagu("start", "none.yaml")
    assert missing.code == 1
    assert "none.yaml" in missing.err
    assert dagu("history", "--json").out == "[]\n"


def test_a_dry_run_runs_and_keeps_nothing(dagu: Any) -> None:
    marker = dagu.directory / "ran"
    result = dagu("dry", dagu.file("dry.yaml", f"steps:\n  - id: a\n    run: touch {marker}\n"))
    assert result.code == 0
    assert "a  succeeded" in result.out
    assert not marker.exists()
    assert dagu("history", "--json").out == "[]\n"


def test_name_and_id(dagu: Any) -> None:
    file = dagu.file("two.yaml", TWO)
    assert dagu("start", "--name", "other", "--run-id", "r1", file).code == 0
    [entry] = json.loads(dagu("history", "--json").out)
    assert (entry["name"], entry["dagRunId"]) == ("other", "r1")
    again = dagu("start", "--run-id", "r1", file)
    assert again.code == 1
    assert "r1" in again.err
    bad = dagu("start", "--run-id", "a/b", file)
    assert bad.code == 1
    assert "is no run id" in bad.err


def test_a_plugin_that_is_set_aside_is_told(dagu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("reviewer")
    module.dagu_review_containers = package.hookimpl(lambda request: None)  # type: ignore[attr-defined]
    monkeypatch.setattr("dagu.cli.session.Session.plugins", Plugins({}, extra=[module], discover=False))
    result = dagu("start", dagu.file("two.yaml", TWO))
    assert result.code == 0
    assert "is set aside: there is no hook dagu_review_containers" in result.err


def test_an_observer_of_a_plugin_hears_and_may_fail(dagu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []

    def dagu_run_event(event: Any) -> None:
        heard.append(type(event).__name__)
        if len(heard) == 2:
            raise ValueError("observer broke")

    module = types.ModuleType("observer")
    module.dagu_run_event = package.hookimpl(dagu_run_event)  # type: ignore[attr-defined]
    monkeypatch.setattr("dagu.cli.session.Session.plugins", Plugins({}, extra=[module], discover=False))
    result = dagu("start", dagu.file("two.yaml", TWO))
    assert result.code == 0
    assert heard == ["RunStarted", "StepStarted"]
    assert result.err.count("observer broke") == 1
