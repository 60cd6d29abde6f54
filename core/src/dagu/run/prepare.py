"""From a checked workflow and a request to everything a run needs before its first step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path

from dagu.errors import UsageError
from dagu.frozen import dataclass
from dagu.history.logs import file_name
from dagu.run.needs import all_steps
from dagu.run.params import chosen_params
from dagu.run.paths import made_directory
from dagu.run.records.masking import Masker
from dagu.workflow.model import Secret, Workflow
from dagu.workflow.values.consts import evaluate_consts
from dagu.workflow.values.context import names_artifacts, run_context
from dagu.workflow.values.dotenv import dotenv_candidates, dotenv_names, parse_dotenv
from dagu.workflow.values.environment import env_secret, forwarded, run_scope
from dagu.workflow.values.params_tokens import CallerInput
from dagu.workflow.values.resolve import Expand, resolve
from dagu.workflow.values.scope import Scope


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who a run is.

    Attributes:
        artifacts: Where artifacts go if the workflow does not say.
        first_started_at: When its first attempt started, if this is a later one.
    """

    name: str
    run_id: str
    attempt_id: str
    started_at: datetime
    trigger: str
    log_file: Path
    work_dir: Path
    artifacts: Path
    first_started_at: datetime | None = None
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
    artifacts_dir: Path | None


def prepare(
    workflow: Workflow,
    identity: Identity,
    *,
    given: CallerInput,
    environ: Mapping[str, str],
    masker: Masker,
    default_working_dir: str = "",
    dry: bool = False,
) -> Prepared:
    """Evaluate constants, parameters, environment, dotenv files and secrets.

    Args:
        masker: Learns the secrets.
        dry: Make no directory.

    Raises:
        DaguError: One of them can't be had; the message names it.
    """
    context = run_context(
        dag_name=identity.name,
        run_id=identity.run_id,
        attempt_id=identity.attempt_id,
        started_at=identity.started_at,
        trigger_type=identity.trigger,
        log_file=str(identity.log_file),
        work_dir=str(identity.work_dir),
        scheduled_at=identity.scheduled_at,
        root_name=identity.root_name,
        root_id=identity.root_id,
    )
    base = Scope(consts=evaluate_consts(workflow.consts), context=context)
    chosen = chosen_params(workflow, base, given, environ, identity.work_dir)
    base = base.layer(params=chosen.named, params_json=chosen.json)
    artifacts_dir = _artifacts_dir(workflow, identity, base, environ)
    if artifacts_dir is not None and not dry:
        made_directory(artifacts_dir, "artifacts.dir")
    if artifacts_dir is not None:
        base = base.layer(context={"paths.artifacts_dir": str(artifacts_dir)})
    managed = {
        "DAG_NAME": identity.name,
        "DAG_RUN_ID": identity.run_id,
        "DAG_RUN_LOG_FILE": str(identity.log_file),
        "DAG_RUN_WORK_DIR": str(identity.work_dir),
        **({} if artifacts_dir is None else {"DAG_RUN_ARTIFACTS_DIR": str(artifacts_dir)}),
        **({} if chosen.json is None else {"DAG_PARAMS_JSON": chosen.json}),
    }
    directory = identity.work_dir
    authored: dict[str, None] = dict.fromkeys([*chosen.named, *(entry.name for entry in workflow.env)])

    def dotenv(scope: Scope) -> Mapping[str, str]:
        nonlocal directory
        directory = _directory(workflow, identity.work_dir, scope, default_working_dir, dry=dry)
        found = _dotenv(workflow, directory, scope)
        authored.update(dict.fromkeys(found))
        return found

    def secrets(scope: Scope) -> Mapping[str, str]:
        found = {secret.name: _secret(secret, scope) for secret in workflow.secrets}
        masker.add(found.values())
        authored.update(dict.fromkeys(found))
        return found

    scope = run_scope(
        base,
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
        artifacts_dir=artifacts_dir,
    )


def _directory(workflow: Workflow, work_dir: Path, scope: Scope, default: str, *, dry: bool) -> Path:
    if default and workflow.rest.get("workspace") == "copy":
        path = Path(default)  # where the copy is
    elif workflow.working_dir:
        beside = workflow.file.parent if workflow.file else Path.cwd()
        path = beside / os.path.expanduser(resolve(workflow.working_dir, scope, expand=Expand.SCOPE))
    elif default:
        path = Path(default)
    else:
        return work_dir
    path = Path(os.path.abspath(path))
    return path if dry else made_directory(path, "working_dir")


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
            except (OSError, ValueError) as error:
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


def _artifacts_dir(
    workflow: Workflow, identity: Identity, scope: Scope, environ: Mapping[str, str]
) -> Path | None:
    """The run's directory of artifacts; None where nothing asks for one."""
    if not _wants_artifacts(workflow):
        return None
    named = resolve(
        workflow.artifacts.dir, scope.layer(env={**forwarded(environ), **scope.params}), expand=Expand.SCOPE
    )
    parent = Path(os.path.expanduser(named)) if named else identity.artifacts
    started = identity.first_started_at or identity.started_at
    name = f"dag-run_{started:%Y%m%d_%H%M%S}_{identity.run_id}"
    return parent.absolute() / file_name(identity.name) / name


def _wants_artifacts(workflow: Workflow) -> bool:
    if workflow.artifacts.enabled is not None:
        return workflow.artifacts.enabled
    streams = (stream for step in all_steps(workflow) for stream in (step.stdout, step.stderr))
    named = workflow.tree.plain() if workflow.tree is not None else workflow.source
    return any(stream is not None and stream.artifact for stream in streams) or names_artifacts(named)


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)
