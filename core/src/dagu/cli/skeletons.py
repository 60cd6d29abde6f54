"""Skeletons of plugin distributions: complete, installable, and passing their kit from the first moment."""

from __future__ import annotations

import re
from pathlib import Path

from dagu.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

_PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.25"]
build-backend = "hatchling.build"

[project]
name = "dagu-{name}-{kind}"
version = "0.1.0"
description = "The {kind} {name} for dagu"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["{requirement}"]

[project.optional-dependencies]
test = ["dagu-core[testing]"]

[project.entry-points.dagu]
{name}-{kind} = "{package}.plugin"

[tool.hatch.build.targets.wheel]
packages = ["src/{package}"]
"""

_README = """\
# dagu-{name}-{kind}

The {kind} `{name}` for dagu.

    pip install -e '.[test]'
    pytest
    dagu plugins list
"""

_RUNTIME = {
    "src/{package}/plugin.py": '''\
"""The entry point: offers the runtime ``{name}``. It imports nothing heavy: every ``dagu`` command reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dagu
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.specs import RuntimeSpec


def make_runtime(environ: Mapping[str, str]) -> ContainerRuntime:
    """Make the runtime from the process environment; import its SDK here."""
    from {package}.runtime import {title}Runtime

    return {title}Runtime(environ)


@dagu.hookimpl
def dagu_register_runtimes() -> Iterable[RuntimeSpec]:
    """Offer ``{name}``."""
    yield RuntimeSpec(name="{name}", summary="What {name} is, in a line", factory=make_runtime)
''',
    "src/{package}/runtime.py": '''\
"""The runtime. It begins as dagu's fake, which runs commands as host processes without any isolation.

Replace it method by method with calls of your engine, then name ``ContainerRuntime`` as the base. The kit in
``tests/`` passes now; keep it passing. ``check`` lists what the runtime can do: declare a capability once it can.
"""

from __future__ import annotations

from collections.abc import Mapping

from dagu.testing import FakeRuntime


class {title}Runtime(FakeRuntime):
    """Runs containers on {name}."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        images = environ.get("{upper}_IMAGES", "alpine:3.20").split(",")
        super().__init__(images, pulls={{image: [] for image in images}})
''',
    "tests/test_conformance.py": '''\
"""The runtime passes dagu's conformance kit for what it declares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from {package}.runtime import {title}Runtime

from dagu.testing import RuntimeConformance


class Test{title}Runtime(RuntimeConformance):
    image = "alpine:3.20"

    @pytest.fixture(scope="class")
    @classmethod
    def runtime(cls) -> Iterator[{title}Runtime]:
        with {title}Runtime({{}}) as runtime:
            yield runtime
''',
}

_PROVIDER = {
    "src/{package}/plugin.py": '''\
"""The entry point: offers the provider ``{name}``. It imports nothing heavy: every ``dagu`` command reads it."""

from __future__ import annotations

from collections.abc import Iterable

import dagu
from dagu.contracts.provider import HarnessProvider, PromptChannel, ProviderFacts
from dagu.contracts.specs import ProviderSpec


def make_provider() -> HarnessProvider:
    """Called when a step uses the provider."""
    from {package}.provider import {title}Provider

    return {title}Provider()


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``{name}``."""
    yield ProviderSpec(
        name="{name}",
        summary="What {name} is, in a line",
        facts=ProviderFacts(
            binary="{name}",
            prompt_channel=PromptChannel.STDIN,
            install="how to install {name}, in a command",
        ),
        factory=make_provider,
    )
''',
    "src/{package}/provider.py": '''\
"""From a task to the command line of ``{name}``, which reads its prompt from standard input."""

from __future__ import annotations

from dagu.contracts.flags import flag_arguments, prompt_bytes
from dagu.contracts.provider import HarnessProvider, HarnessTask, Invocation


class {title}Provider(HarnessProvider):
    """Runs ``{name}``. Where it has an event stream, add ``read_events`` and say so in the facts."""

    def invocation(self, task: HarnessTask) -> Invocation:
        """See :meth:`HarnessProvider.invocation`."""
        return Invocation(argv=("{name}", *flag_arguments(task.options)), stdin=prompt_bytes(task))
''',
    "tests/test_conformance.py": '''\
"""The provider passes dagu's conformance kit."""

from __future__ import annotations

import pytest
from {package} import plugin

from dagu.contracts.specs import ProviderSpec
from dagu.testing import ProviderConformance


class Test{title}Provider(ProviderConformance):
    @pytest.fixture
    def spec(self) -> ProviderSpec:
        (spec,) = plugin.dagu_register_harness_providers()
        return spec
''',
}

KINDS = {"runtime": _RUNTIME, "provider": _PROVIDER}


def write(kind: str, name: str, parent: Path) -> Path:
    """Write the skeleton of a plugin and return its directory.

    Args:
        kind: ``runtime`` or ``provider``.
        name: What selects it: lower case letters, digits and dashes.

    Raises:
        UsageError: The kind or name does not fit, or the directory exists.
    """
    if kind not in KINDS:
        raise UsageError(f"{kind!r} is no kind of plugin", hint=f"kinds are {', '.join(KINDS)}")
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no plugin name", hint="use lower case letters, digits and dashes")
    folder = parent / f"dagu-{name}-{kind}"
    if folder.exists():
        raise UsageError(f"{folder} exists already", hint="choose another name, or --directory")
    words = {
        "kind": kind,
        "name": name,
        "package": f"dagu_{name.replace('-', '_')}_{kind}",
        "title": "".join(part.capitalize() for part in name.split("-")),
        "upper": name.replace("-", "_").upper(),
        "requirement": "dagu-core[testing]>=0.1,<0.2" if kind == "runtime" else "dagu-core>=0.1,<0.2",
    }
    files = {
        "pyproject.toml": _PYPROJECT,
        "README.md": _README,
        "src/{package}/__init__.py": "",
        **KINDS[kind],
    }
    files["src/{package}/py.typed"] = ""
    try:
        for path, text in files.items():
            target = folder / path.format(**words)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text.format(**words))
    except OSError as error:
        raise UsageError(f"{folder} can't be written: {error.strerror}") from error
    return folder
