"""From a checked workflow and a request to everything a run needs before its first step."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dagu.errors import UsageError
from dagu.run.masking import Masker
from dagu.run.shelled import run_in_shell
from dagu.workflow.model import Secret, Value, Workflow
from dagu.workflow.values.consts import evaluate_consts
from dagu.workflow.values.context import names_artifacts, run_context
from dagu.workflow.values.dotenv import dotenv_candidates, dotenv_names, parse_dotenv
from dagu.workflow.values.environment import env_secret, run_scope
from dagu.workflow.values.params_input import ParamValues, choose_params
from dagu.workflow.values.params_tokens import CallerInput
from dagu.workflow.values.resolve import Expand, resolve
from dagu.workflow.values.scope import Scope
from dagu.workflow.values.shells import choose_shell
from dagu.workflow.values.substitution import evaluate


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who a run is."""

    name: str
    run_id: str
    attempt_id: str
    started_at: datetime
    trigger: str
    log_file: Path
    work_dir: Path
    artifacts_dir: Path | None
    scheduled_at: datetime | None = None
    root_name: str = ""
    root_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a run starts from.

    Attributes:
        scope: What the fields of the root see.
        env: For commands on the host.
        contained_env: For commands in containers: nothing of the host, no path of it.
        params_text: The parameters, as JSON text, for history.
    """

    scope: Scope = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    contained_env: Mapping[str, str] = field(repr=False)
    directory: Path
    params_text: str
    masker: Masker = field(repr=False)


def prepare(
    workflow: Workflow,
    identity: Identity,
    *,
    given: CallerInput,
    environ: Mapping[str, str],
    default_working_dir: str = "",
) -> Prepared:
    """Evaluate constants, parameters, environment, dotenv files and secrets.

    Raises:
        DaguError: One of them can't be had; the message names it.
    """
    masker = Masker()
    context = run_context(
        dag_name=identity.name,
        run_id=identity.run_id,
        attempt_id=identity.attempt_id,
        started_at=identity.started_at,
        trigger_type=identity.trigger,
        log_file=str(identity.log_file),
        work_dir=str(identity.work_dir),
        artifacts_dir=str(identity.artifacts_dir or ""),
        scheduled_at=identity.scheduled_at,
        root_name=identity.root_name,
        root_id=identity.root_id,
    )
    base = Scope(consts=evaluate_consts(workflow.consts), context=context)
    chosen = _params(workflow, base, given, environ, identity.work_dir)
    managed = {
        "DAG_NAME": identity.name,
        "DAG_RUN_ID": identity.run_id,
        "DAG_RUN_LOG_FILE": str(identity.log_file),
        "DAG_RUN_WORK_DIR": str(identity.work_dir),
        **({"DAG_RUN_ARTIFACTS_DIR": str(identity.artifacts_dir)} if identity.artifacts_dir else {}),
        **({} if chosen.json is None else {"DAG_PARAMS_JSON": chosen.json}),
    }
    scope = base.layer(params=chosen.named, params_json=chosen.json)
    directory = identity.work_dir
    authored: dict[str, None] = dict.fromkeys([*chosen.named, *(entry.name for entry in workflow.env)])

    def dotenv(scope: Scope) -> Mapping[str, str]:
        nonlocal directory
        directory = _directory(workflow, identity.work_dir, scope, default_working_dir)
        found = _dotenv(workflow, directory, scope)
        authored.update(dict.fromkeys(found))
        return found

    def secrets(scope: Scope) -> Mapping[str, str]:
        found = {secret.name: _secret(secret, scope) for secret in workflow.secrets}
        masker.add(found.values())
        authored.update(dict.fromkeys(found))
        return found

    scope = run_scope(
        scope,
        host=environ,
        entries=workflow.env,
        managed=managed,
        dotenv=dotenv,
        secrets=secrets,
    )
    contained = [*authored, "DAG_NAME", "DAG_RUN_ID", "DAG_PARAMS_JSON"]
    return Prepared(
        scope=scope,
        env=scope.env,
        contained_env={name: scope.env[name] for name in contained if name in scope.env},
        directory=directory,
        params_text=chosen.json or "",
        masker=masker,
    )


def _params(
    workflow: Workflow, scope: Scope, given: CallerInput, environ: Mapping[str, str], directory: Path
) -> ParamValues:
    shell = choose_shell(default=environ.get("DAGU_DEFAULT_SHELL", ""), login=environ.get("SHELL", "")).argv

    def run(text: str) -> str:
        return run_in_shell(text, shell=shell, env=environ, directory=directory)

    def evaluated(text: str, chosen: ParamValues) -> str:
        known = scope.layer(params=chosen.named, params_json=chosen.json)
        return evaluate(text, run_scope(known, host=environ, entries=workflow.env), run)

    return choose_params(workflow.params, given, evaluate=evaluated, schema=_params_schema(workflow))


def _params_schema(workflow: Workflow) -> Mapping[str, Value] | None:
    """The JSON Schema that ``params.schema`` names, None where it names none."""
    named = workflow.params.schema
    if not isinstance(named, str):
        return None
    if named.startswith(("http://", "https://")):
        raise UsageError(
            "params.schema: a URL can't be read here", hint="save the schema beside the workflow"
        )
    beside = workflow.file.parent if workflow.file else Path.cwd()
    try:
        schema = json.loads((beside / named).read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"params.schema: {named} can't be read: {error}") from error
    if not isinstance(schema, dict):
        raise UsageError(f"params.schema: {named} holds no JSON Schema")
    return schema


def _directory(workflow: Workflow, work_dir: Path, scope: Scope, default: str) -> Path:
    if workflow.working_dir:
        beside = workflow.file.parent if workflow.file else Path.cwd()
        path = beside / os.path.expanduser(resolve(workflow.working_dir, scope, expand=Expand.SCOPE))
    elif default:
        path = Path(default).absolute()
    else:
        return work_dir
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"working_dir: {path} can't be used: {error.strerror}") from error
    return path


def _dotenv(workflow: Workflow, directory: Path, scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    beside = workflow.file.parent if workflow.file else None
    for name in dotenv_names(workflow.dotenv):
        resolved = resolve(name, scope, expand=Expand.HOST)
        for path in dotenv_candidates(resolved, directory, beside):
            try:
                text = path.read_text()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                continue
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"dotenv: {path} can't be read: {error}") from error
            found.update(parse_dotenv(text))
            break
    return found


def _secret(secret: Secret, scope: Scope) -> str:
    if secret.provider == "env":
        return env_secret(secret.name, secret.key, scope)
    if secret.provider == "file":
        path = Path(os.path.expanduser(secret.key))
        try:
            return path.read_text().rstrip("\n")
        except OSError as error:
            raise UsageError(f"secret {secret.name!r}: {path} can't be read: {error.strerror}") from error
    what = f"provider {secret.provider!r}" if secret.provider else f"ref {secret.ref!r}"
    raise UsageError(f"secret {secret.name!r}: {what} is not available", hint="providers are env and file")


def wants_artifacts(workflow: Workflow) -> bool:
    """Whether the run gets a directory of artifacts."""
    if workflow.artifacts.enabled is not None:
        return workflow.artifacts.enabled
    streams = (stream for step in workflow.steps for stream in (step.stdout, step.stderr))
    return any(stream is not None and stream.artifact for stream in streams) or names_artifacts(
        workflow.source
    )


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)
