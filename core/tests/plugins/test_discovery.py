"""A plugin that is broken is set aside with the reason, and the rest works."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

import dagu
from dagu.errors import PluginError, UsageError
from dagu.plugins import Plugins
from dagu.plugins.catalog import PluginInfo

Install = Callable[..., None]

GOOD = """
    import dagu
    from dagu.contracts.specs import RuntimeSpec

    @dagu.hookimpl
    def dagu_register_runtimes():
        yield RuntimeSpec(name="{name}", summary="Good", factory=lambda environ: None)
"""


def info(distribution: str, **environ: str) -> PluginInfo:
    [found] = [info for info in Plugins(environ).info() if info.distribution == distribution]
    return found


def test_a_good_plugin(install: Install) -> None:
    install("good-plugin", GOOD.format(name="good"))
    assert info("good-plugin") == PluginInfo(
        distribution="good-plugin",
        version="1.2.3",
        entry_point="good-plugin-point",
        state="active",
        runtimes=("good",),
        hooks=("dagu_register_runtimes",),
    )
    assert Plugins({}).runtime(" GOOD ").summary == "Good"


BROKEN = {
    "raises": (
        "raise ValueError('at import')",
        "importing plugin_broken_plugin failed: ValueError: at import",
    ),
    "exits": ("raise SystemExit(3)", "importing plugin_broken_plugin failed: SystemExit: 3"),
    "lacks its SDK": ("import no_such_sdk", "ModuleNotFoundError: No module named 'no_such_sdk'"),
    "has a syntax error": ("def :", "SyntaxError"),
    "has an unknown hook": (
        "import dagu\n@dagu.hookimpl\ndef dagu_register_runtime():\n    return []\n",
        "there is no hook dagu_register_runtime (meant: dagu_register_runtimes)",
    ),
    "has an unknown argument": (
        "import dagu\n@dagu.hookimpl\ndef dagu_run_event(evt):\n    pass\n",
        "its hooks do not fit: PluginValidationError:",
    ),
    "forgot the mark": (
        "def dagu_run_event(event):\n    pass\n",
        "dagu_run_event lacks the mark @dagu.hookimpl",
    ),
}


@pytest.mark.parametrize(("code", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plugin_is_set_aside_and_the_rest_works(install: Install, code: str, reason: str) -> None:
    install("broken-plugin", code)
    install("good-plugin", GOOD.format(name="good"))
    found = info("broken-plugin")
    assert (found.state, found.version) == ("set aside", "1.2.3")
    assert reason in found.problems[0]
    assert "\n" not in found.problems[0]
    assert Plugins({}).runtime("good").name == "good"


@pytest.mark.parametrize(
    ("requires", "reason"),
    [
        ("dagu-core>=9,<10", f"it needs dagu-core<10,>=9, and this is dagu-core {dagu.__version__}"),
        ("Dagu_Core (>=9)", f"it needs dagu-core>=9, and this is dagu-core {dagu.__version__}"),
        ("dagu-core>=9; python_version >= '3'", "it needs dagu-core>=9"),
        ("dagu-core>=nonsense!", "its requirement 'dagu-core>=nonsense!' can't be read"),
        ("dagu-core>=9; extra == 'later'", ""),
        ("dagu-core-extras>=9", ""),
        ("dagu-core", ""),
    ],
)
def test_a_plugin_for_another_core(install: Install, requires: str, reason: str) -> None:
    install("good-plugin", GOOD.format(name="good"), requires=requires)
    found = info("good-plugin")
    assert found.state == ("set aside" if reason else "active")
    assert reason in "".join(found.problems)


def test_metadata_that_can_not_be_read(install: Install) -> None:
    install("good-plugin", GOOD.format(name="good"))
    install("broken-plugin", "", entry_points="[dagu]\nno equals sign\n")
    found = info("broken-plugin")
    assert (found.state, found.version) == ("set aside", "1.2.3")
    assert found.problems[0].startswith("its metadata can't be read:")
    assert Plugins({}).runtime("good")


@pytest.mark.parametrize("name", ["Good_Plugin", "good-plugin-point", "other, good.plugin"])
def test_disabled_by_entry_point_or_distribution_and_not_imported(install: Install, name: str) -> None:
    install("good-plugin", "raise SystemExit('imported')")
    found = info("good-plugin", DAGU_DISABLED_PLUGINS=name)
    assert (found.state, found.problems) == ("disabled", ("DAGU_DISABLED_PLUGINS names it",))


def test_a_disabled_name_that_nobody_has(install: Install) -> None:
    install("good-plugin", GOOD.format(name="good"))
    plugins = Plugins({"DAGU_DISABLED_PLUGINS": "good_plugin,, goood"})
    assert plugins.unknown_disabled() == ["goood"]


def test_two_plugins_with_one_name(install: Install) -> None:
    install("one-plugin", GOOD.format(name="twice"))
    install("other-plugin", GOOD.format(name="twice"), version="2.0")
    install("good-plugin", GOOD.format(name="good"))
    plugins = Plugins({})
    with pytest.raises(PluginError) as raised:
        plugins.runtime("twice")
    assert "one-plugin 1.2.3" in str(raised.value)
    assert "other-plugin 2.0" in str(raised.value)
    assert "DAGU_DISABLED_PLUGINS (one-plugin-point, other-plugin-point)" in raised.value.hint
    assert "twice" not in plugins.runtimes()
    assert plugins.runtime("good")
    assert "one-plugin 1.2.3" in info("other-plugin").problems[0]
    assert Plugins({"DAGU_DISABLED_PLUGINS": "one-plugin"}).runtime("twice")


def test_one_plugin_with_a_name_twice(install: Install) -> None:
    install(
        "one-plugin",
        GOOD.format(name="twice"),
        entry_points="[dagu]\na = plugin_one_plugin\nb = plugin_one_plugin\n",
    )
    with pytest.raises(PluginError, match=r"one-plugin 1\.2\.3 \(a\) and one-plugin 1\.2\.3 \(b\)"):
        Plugins({}).runtime("twice")


SPECS = {
    "is no spec": ("'docker'", "container runtime set aside: RuntimeSpec expected, not str"),
    "has a bad name": (
        "RuntimeSpec(name='Not Good', summary='', factory=print)",
        "its name 'Not Good' has to be of lower case letters",
    ),
    "has no name": ("RuntimeSpec(name=None, summary='', factory=print)", "its name None has to be"),
    "has no summary": ("RuntimeSpec(name='x', summary=None, factory=print)", "summary of 'x' has to be text"),
    "has no factory": ("RuntimeSpec(name='x', summary='', factory='f')", "factory of 'x' can't be called"),
}


@pytest.mark.parametrize(("spec", "problem"), SPECS.values(), ids=SPECS.keys())
def test_a_spec_that_does_not_fit_is_set_aside_alone(install: Install, spec: str, problem: str) -> None:
    install(
        "spec-plugin",
        f"""
        import dagu
        from dagu.contracts.specs import RuntimeSpec

        @dagu.hookimpl
        def dagu_register_runtimes():
            yield {spec}
            yield RuntimeSpec(name="fine", summary="", factory=print)
        """,
    )
    found = info("spec-plugin")
    assert (found.state, found.runtimes) == ("active", ("fine",))
    assert problem in found.problems[0]


@pytest.mark.parametrize("body", ["return 5", "raise KeyError('k')", "yield 1 / 0"])
def test_a_registration_that_fails(install: Install, body: str) -> None:
    install(
        "hook-plugin",
        f"""
        import dagu
        from dagu.contracts.specs import ServiceSpec

        @dagu.hookimpl
        def dagu_register_runtimes():
            {body}

        @dagu.hookimpl
        def dagu_register_services():
            return [ServiceSpec(name="serves", summary="", factory=print)]
        """,
    )
    found = info("hook-plugin")
    assert found.problems[0].startswith("dagu_register_runtimes failed: ")
    assert found.services == ("serves",)


class TestMissing:
    def test_the_message_lists_what_is_there(self, install: Install) -> None:
        install("good-plugin", GOOD.format(name="good"))
        with pytest.raises(UsageError, match=r"there is no container runtime 'nope'; installed: .*good"):
            Plugins({}).runtime("nope")

    @pytest.mark.parametrize(
        ("environ", "message", "hint"),
        [
            ({}, "no container runtime 'docker' (the default of DAGU_CONTAINER_RUNTIME)", "docker-runtime"),
            (
                {"DAGU_CONTAINER_RUNTIME": "  "},
                "'docker' (the default of DAGU_CONTAINER_RUNTIME)",
                "docker-runtime",
            ),
            (
                {"DAGU_CONTAINER_RUNTIME": " PodMan\n"},
                "'podman', which DAGU_CONTAINER_RUNTIME selects; installed: none",
                "pip install dagu-podman-runtime",
            ),
            ({"DAGU_CONTAINER_RUNTIME": "mine"}, "'mine'", "see `dagu plugins list`"),
        ],
    )
    def test_what_would_bring_it(self, environ: dict[str, str], message: str, hint: str) -> None:
        with pytest.raises(UsageError) as raised:
            Plugins({}, discover=False).runtime_from_environment(environ)
        assert message in raised.value.message
        assert hint in raised.value.hint

    def test_what_is_installed_but_set_aside(self, install: Install) -> None:
        install("dagu-zzz-runtime", "raise OSError('no engine here')")
        with pytest.raises(UsageError) as raised:
            Plugins({}).runtime("zzz")
        assert "dagu-zzz-runtime 1.2.3 is not used: importing plugin_dagu_zzz_runtime failed" in str(
            raised.value
        )
        assert "no engine here" in str(raised.value)

    def test_no_install_hint_for_what_is_installed(self, install: Install) -> None:
        install("dagu-harness-providers", "raise OSError", version="0.1.9")
        with pytest.raises(UsageError) as raised:
            Plugins({}).provider("codex")
        assert raised.value.hint == "see `dagu plugins list`"


def test_nothing_is_imported_until_asked(install: Install) -> None:
    del install
    code = "import sys; from dagu.plugins import Plugins; Plugins({}); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pluggy", "packaging", "importlib.metadata", "yaml"} & set(modules.stdout.split())
