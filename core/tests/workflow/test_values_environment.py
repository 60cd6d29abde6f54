"""Environments: what is forwarded, the order of layers, dotenv files, secrets and the run context."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagu.workflow.model import EnvEntry
from dagu.workflow.values.context import (
    TRIGGER_TYPES,
    handler_context,
    names_artifacts,
    run_context,
    step_context,
    timestamp,
)
from dagu.workflow.values.dotenv import dotenv_candidates, dotenv_names, parse_dotenv
from dagu.workflow.values.environment import (
    ATTEMPT,
    PROTECTED,
    attempt_values,
    env_secret,
    evaluated,
    forwarded,
    run_scope,
    step_scope,
)
from dagu.workflow.values.errors import EnvironmentInvalid
from dagu.workflow.values.resolve import Expand
from dagu.workflow.values.scope import Scope, StepView
from dagu.workflow.values.tokens import CONTEXT_FIELDS


def entries(**values: str) -> list[EnvEntry]:
    return [EnvEntry(name=name, value=value) for name, value in values.items()]


# Forwarded from the host


def test_usual_names_and_prefixes_are_forwarded() -> None:
    host = {
        "PATH": "/bin",
        "XDG_CACHE_HOME": "/c",
        "DOCKER_HOST": "d",
        "LC_ALL": "C",
        "DAGU_X": "1",
        "KUBERNETES_PORT": "2",
    }
    assert (
        forwarded({**host, "AWS_SECRET_ACCESS_KEY": "s", "DOCKER_AUTH_CONFIG": "s", "XDG_SEAT": "0"}) == host
    )


def test_the_operator_lists_more() -> None:
    lists = {"DAGU_ENV_PASSTHROUGH": "ONE, TWO", "DAGU_ENV_PASSTHROUGH_PREFIXES": "CI_,GH_"}
    host = {**lists, "ONE": "1", "TWO": "2", "THREE": "3", "CI_JOB": "j", "GH": "g"}
    assert forwarded(host) == {**lists, "ONE": "1", "TWO": "2", "CI_JOB": "j"}


def test_an_empty_list_forwards_nothing_more() -> None:
    assert forwarded({"DAGU_ENV_PASSTHROUGH_PREFIXES": " , ", "X": "1"}).keys() == {
        "DAGU_ENV_PASSTHROUGH_PREFIXES"
    }


def test_what_an_outer_run_set_stays_behind() -> None:
    assert (
        forwarded(dict.fromkeys(PROTECTED | ATTEMPT | {"DAG_PUSHBACK_ITERATION", "DAG_RUN_STATUS"}, "x"))
        == {}
    )


# Entries


def test_an_entry_sees_earlier_ones_not_itself_or_later_ones() -> None:
    scope = evaluated(
        entries(SERVICE="api", HOST="${env.SERVICE}.internal", SELF="${env.SELF}", LATER="$AFTER", AFTER="x"),
        Scope(),
    )
    assert scope.env["HOST"] == "api.internal"
    assert scope.env["SELF"] == "${env.SELF}"
    assert scope.env["LATER"] == "$AFTER"


def test_the_last_duplicate_wins_and_may_read_the_first() -> None:
    twice = [EnvEntry(name="A", value="1"), EnvEntry(name="A", value="${A}2")]
    assert evaluated(twice, Scope()).env == {"A": "12"}


def test_root_entries_read_the_host_and_others_do_not() -> None:
    scope = Scope(host={"ONLY_HOST": "h"})
    assert evaluated(entries(A="$ONLY_HOST"), scope, expand=Expand.HOST).env["A"] == "h"
    assert evaluated(entries(A="$ONLY_HOST"), scope).env["A"] == "$ONLY_HOST"


# A run


def test_layers_of_a_run_from_weakest_to_strongest() -> None:
    order = ["PATH", "PROFILE", "PARAM", "MANAGED", "ROOT", "DOTENV", "SELECTED", "SECRET"]

    def layer(name: str) -> dict[str, str]:
        return dict.fromkeys(order[order.index(name) :], name.lower())

    scope = run_scope(
        Scope(params=layer("PARAM")),
        host=dict.fromkeys(order, "path"),
        default_profile=layer("PROFILE"),
        managed=layer("MANAGED"),
        entries=entries(**layer("ROOT")),
        dotenv=lambda _: layer("DOTENV"),
        profile=layer("SELECTED"),
        secrets=lambda _: layer("SECRET"),
    )
    assert scope.env == {name: name.lower() for name in order}


def test_root_env_reads_back_a_protected_name_then_its_true_value_returns() -> None:
    scope = run_scope(
        Scope(),
        host={},
        managed={"DAG_RUN_ID": "true"},
        entries=entries(BEFORE="${env.DAG_RUN_ID}", DAG_RUN_ID="mine", AFTER="$DAG_RUN_ID", DAG_NAME="mine"),
        dotenv=lambda _: {"DAG_RUN_ID": "file"},
        profile={"DAG_RUN_LOG_FILE": "profile"},
    )
    assert scope.env == {"BEFORE": "true", "AFTER": "mine", "DAG_RUN_ID": "true"}


def test_dotenv_and_secrets_see_what_lies_beneath() -> None:
    seen: list[str | None] = []

    def dotenv(scope: Scope) -> dict[str, str]:
        seen.append(scope.env.get("ROOT"))
        return {"FILE": "f"}

    def secrets(scope: Scope) -> dict[str, str]:
        seen.extend(env_secret("s", key, scope) for key in ("FILE", "H"))
        return {}

    run_scope(Scope(), host={"H": "host"}, entries=entries(ROOT="r"), dotenv=dotenv, secrets=secrets)
    assert seen == ["r", "f", "host"]


# A step


def test_layers_of_a_step_from_weakest_to_strongest() -> None:
    order = ["PWD", "DAG_RUN_STEP_NAME", "OUTPUT", "STEP", "CONTAINER"]
    scope = step_scope(
        Scope(env=dict.fromkeys(order, "run")),
        name="build",
        directory="/work",
        variables={"OUTPUT": "output", "STEP": "output", "CONTAINER": "output"},
        entries=entries(STEP="step ${PWD} ${OUTPUT}", CONTAINER="step"),
        container=entries(CONTAINER="container $STEP"),
    )
    assert scope.env == {
        "PWD": "/work",
        "DAG_RUN_STEP_NAME": "build",
        "OUTPUT": "output",
        "STEP": "step /work output",
        "CONTAINER": "container step /work output",
    }


def test_a_step_shadows_even_protected_names_but_no_attempt_values() -> None:
    scope = step_scope(
        Scope(env={"DAG_RUN_ID": "true"}),
        name="s",
        directory="",
        entries=entries(DAG_RUN_ID="mine", DAGU_OUTPUT_FILE="mine", OUT="$DAG_RUN_STEP_STDOUT_FILE"),
    )
    attempt = scope.layer(env=attempt_values(stdout_file="/o", stderr_file="/e", output_file="/f"))
    assert attempt.env["DAG_RUN_ID"] == "mine"
    assert attempt.env["DAGU_OUTPUT_FILE"] == "/f"
    assert attempt.env["OUT"] == "$DAG_RUN_STEP_STDOUT_FILE"
    assert attempt_values(stdout_file="", stderr_file="", output_file="").keys() == ATTEMPT


def test_scopes_are_layered_without_change_to_those_beneath() -> None:
    below = Scope(env={"A": "1"}, steps={"a": StepView()})
    above = below.layer(env={"B": "2"}, steps={"b": StepView()}, params={"p": "x"})
    assert (dict(below.env), set(below.steps)) == ({"A": "1"}, {"a"})
    assert (dict(above.env), set(above.steps), above.params) == ({"A": "1", "B": "2"}, {"a", "b"}, {"p": "x"})
    assert "secret" not in repr(Scope(env={"S": "secret"}, host={"H": "secret"}))


# dotenv


def test_the_default_file_is_always_first_and_an_empty_list_disables() -> None:
    assert dotenv_names(None) == (".env",)
    assert dotenv_names(["a.env", "b.env"]) == (".env", "a.env", "b.env")
    assert dotenv_names([".env", "a.env"]) == (".env", "a.env")
    assert dotenv_names([]) == ()


def test_files_are_searched_in_the_working_directory_then_beside_the_workflow() -> None:
    assert dotenv_candidates("x", Path("/w"), Path("/f")) == (Path("/w/x"), Path("/f/x"))
    assert dotenv_candidates("/abs/x", Path("/w"), Path("/f")) == (Path("/abs/x"),)
    assert dotenv_candidates("x", Path("/w"), None) == (Path("/w/x"),)


def test_a_file_is_read_without_interpolation() -> None:
    text = "# comment\nA=1\nexport B='two words' # more\nC=\"x\\ny\"\nD=$A ${A}\nE=\nJUST_A_NAME\nA=last\n"
    assert parse_dotenv(text) == {"A": "last", "B": "two words", "C": "x\ny", "D": "$A ${A}", "E": ""}


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True), st.text('ab $={}é"`#')))
def test_single_quoted_values_come_back_as_they_were(values: dict[str, str]) -> None:
    assert parse_dotenv("".join(f"{name}='{value}'\n" for name, value in values.items())) == values


# Secrets


def test_a_secret_of_the_environment_that_is_not_there_fails() -> None:
    with pytest.raises(EnvironmentInvalid, match="TOKEN"):
        env_secret("API", "TOKEN", Scope(host={}))


# Run context

MOMENT = datetime(2031, 4, 5, 8, 7, 8, 999, tzinfo=timezone(timedelta(hours=2)))
REQUIRED = {
    "dag_name": "d",
    "run_id": "r",
    "attempt_id": "a",
    "started_at": MOMENT,
    "trigger_type": "manual",
    "log_file": "/l",
    "work_dir": "/w",
}


def test_the_whole_run_sees_what_every_run_has() -> None:
    assert run_context(**REQUIRED) == {  # type: ignore[arg-type]
        "dag.name": "d",
        "run.id": "r",
        "attempt.id": "a",
        "attempt.started_at": "2031-04-05T06:07:08Z",
        "trigger.type": "manual",
        "paths.log_file": "/l",
        "paths.work_dir": "/w",
    }


def test_every_field_of_the_table_can_be_had() -> None:
    run = run_context(
        **REQUIRED,  # type: ignore[arg-type]
        artifacts_dir="/a",
        scheduled_at=MOMENT,
        root_name="n",
        root_id="i",
        actor="me",
        profile_name="p",
        profile_resolved_at=MOMENT,
    )
    step = step_context(name="s", id="i", stdout_file="/o", stderr_file="/e", output_file="/f")
    handler = handler_context(name="h", status="failed")
    pushback = {name for name in CONTEXT_FIELDS if name.startswith("pushback.")}
    assert run.keys() | step.keys() | handler.keys() | pushback == CONTEXT_FIELDS
    assert run["run.scheduled_at"] == "2031-04-05T06:07:08Z"


def test_handlers_have_a_name_and_the_status_only() -> None:
    assert handler_context(name="on_exit", status="failed") == {
        "step.name": "on_exit",
        "run.status": "failed",
    }
    assert step_context(name="s") == {"step.name": "s"}


def test_timestamps_are_utc_to_the_second() -> None:
    assert timestamp(datetime(2031, 4, 5, 6, 7, 8, tzinfo=UTC)) == "2031-04-05T06:07:08Z"
    assert len(TRIGGER_TYPES) == 7


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("${context.paths.artifacts_dir}/x", True),
        ({"a": ["${paths.artifacts_dir}"]}, True),
        ("echo $DAG_RUN_ARTIFACTS_DIR", True),
        (r"\${paths.artifacts_dir}", False),
        (("${paths.work_dir}", 1, None), False),
    ],
)
def test_naming_the_directory_of_artifacts(value: object, named: bool) -> None:
    assert names_artifacts(value) is named
