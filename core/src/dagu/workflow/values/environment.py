"""The layers of a run's and a step's environment, weakest first.

A run: forwarded host variables, default profile, parameters, managed values, root ``env``, dotenv, selected
profile, protected names, secrets. A step adds: ``PWD`` and its name, upstream output variables, its ``env``,
the container's ``env``, the values of the attempt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from dagu.workflow.model import EMPTY, EnvEntry
from dagu.workflow.values.errors import EnvironmentInvalid
from dagu.workflow.values.resolve import Expand, resolve
from dagu.workflow.values.scope import Scope

PROTECTED = frozenset(
    {
        "DAG_PARAMS_JSON",
        "DAG_RUN_ARTIFACTS_DIR",
        "DAG_RUN_WORK_DIR",
        "DAG_RUN_LOG_FILE",
        "DAG_NAME",
        "DAG_RUN_ID",
    }
)
"""Names whose true values return after root ``env``, dotenv files and profiles."""

ATTEMPT = frozenset({"DAG_RUN_STEP_STDOUT_FILE", "DAG_RUN_STEP_STDERR_FILE", "DAGU_OUTPUT_FILE"})
"""Names that each attempt of a step sets last."""

_OF_STEPS = frozenset({"DAG_RUN_STEP_NAME", "DAG_RUN_STATUS", "DAG_WAITING_STEPS"})
_PUSHBACK = "DAG_PUSHBACK"

FORWARDED = frozenset(
    {
        *(
            "PATH",
            "HOME",
            "SHELL",
            "USER",
            "TMPDIR",
            "TERM",
            "EDITOR",
            "VISUAL",
            "LANG",
            "TZ",
            "LD_LIBRARY_PATH",
        ),
        *(
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "DOCKER_CONFIG",
            "DOCKER_CERT_PATH",
            "DOCKER_TLS",
            "DOCKER_TLS_VERIFY",
        ),
        *("DOCKER_API_VERSION", "DOCKER_DEFAULT_PLATFORM", "DOCKER_BUILDKIT"),
    }
)
"""Host variables that steps get. Client settings of Docker are among them, its credentials are not."""

FORWARDED_PREFIXES = ("DAGU_", "DAG_", "LC_", "KUBERNETES_")
_XDG = re.compile(r"XDG_\w+_HOME", re.ASCII)

WITHHELD = ("DAGU_DATABASE_", "DAGU_LIFELINE")
"""Of the runner only: the shared database holds the runs of others."""

NAMES_VARIABLE = "DAGU_ENV_PASSTHROUGH"
PREFIXES_VARIABLE = "DAGU_ENV_PASSTHROUGH_PREFIXES"


def forwarded(host: Mapping[str, str]) -> dict[str, str]:
    """The host variables that reach steps: the usual ones, and those that the operator lists.

    What an outer run set for itself or its step stays behind.
    """
    names = FORWARDED.union(_listed(host.get(NAMES_VARIABLE, "")))
    prefixes = (*FORWARDED_PREFIXES, *_listed(host.get(PREFIXES_VARIABLE, "")))
    return {
        name: value
        for name, value in host.items()
        if (name in names or name.startswith(prefixes) or _XDG.fullmatch(name))
        and not _of_a_run(name)
        and not name.startswith(WITHHELD)
    }


def evaluated(entries: Iterable[EnvEntry], scope: Scope, *, expand: Expand = Expand.SCOPE) -> Scope:
    """The scope with ``env`` entries on top, evaluated top down: each sees those before it.

    Args:
        expand: HOST for root ``env``, SCOPE for steps and containers.
    """
    for entry in entries:
        scope = scope.layer(env={entry.name: resolve(entry.value, scope, expand=expand)})
    return scope


def run_scope(
    scope: Scope,
    *,
    host: Mapping[str, str],
    entries: Iterable[EnvEntry] = (),
    default_profile: Mapping[str, str] = EMPTY,
    managed: Mapping[str, str] = EMPTY,
    dotenv: Callable[[Scope], Mapping[str, str]] = lambda _: EMPTY,
    profile: Mapping[str, str] = EMPTY,
    secrets: Callable[[Scope], Mapping[str, str]] = lambda _: EMPTY,
) -> Scope:
    """The scope of a run: its ``env`` layered, its ``host`` readable.

    Args:
        scope: Has the constants, parameters and context of the run; its ``env`` is not used.
        entries: Root ``env``.
        managed: What the run sets itself, protected names among it. Root ``env`` may read these.
        dotenv: Reads the variables of the dotenv files, whose paths see root ``env``.
        profile: The selected profile.
        secrets: Finds the secrets; it sees everything beneath them.
    """
    base = {**forwarded(host), **default_profile, **scope.params, **managed}
    scope = evaluated(entries, scope.layer(host=host).replace_env(base), expand=Expand.HOST)
    layered = {**scope.env, **dotenv(scope), **profile}
    true = {name: value for name, value in managed.items() if name in PROTECTED}
    scope = scope.replace_env({**{n: v for n, v in layered.items() if n not in PROTECTED}, **true})
    return scope.layer(env=secrets(scope))


def step_scope(
    scope: Scope,
    *,
    name: str,
    directory: str,
    variables: Mapping[str, str] = EMPTY,
    entries: Iterable[EnvEntry] = (),
    container: Iterable[EnvEntry] = (),
) -> Scope:
    """The scope of a step or handler: the run's with the step's layers on top.

    Args:
        directory: ``PWD``; empty while it is not known.
        variables: The output variables of upstream steps.
        entries: The step's ``env``.
        container: The ``env`` of its container.
    """
    own = {"DAG_RUN_STEP_NAME": name} | ({"PWD": directory} if directory else {})
    return evaluated(container, evaluated(entries, scope.layer(env={**own, **variables})))


def attempt_values(*, stdout_file: str, stderr_file: str, output_file: str) -> dict[str, str]:
    """What an attempt sets over everything else. Handlers have none of these."""
    return {
        "DAG_RUN_STEP_STDOUT_FILE": stdout_file,
        "DAG_RUN_STEP_STDERR_FILE": stderr_file,
        "DAGU_OUTPUT_FILE": output_file,
    }


def env_secret(name: str, key: str, scope: Scope) -> str:
    """A secret of the provider ``env``: from the run's environment, else from the host's.

    Raises:
        EnvironmentInvalid: Neither has it.
    """
    value = scope.variable(key, host=True)
    if value is None:
        raise EnvironmentInvalid(
            f"secret {name!r}: the environment has no variable {key!r}", hint=f"export {key}"
        )
    return value


def _of_a_run(name: str) -> bool:
    return name in PROTECTED or name in ATTEMPT or name in _OF_STEPS or name.startswith(_PUSHBACK)


def _listed(text: str) -> list[str]:
    return re.split(r"[\s,]+", text.strip(" ,\t\n")) if text.strip(" ,\t\n") else []
