"""An exception out of a plugin names the plugin; one out of core's own callbacks does not."""

from __future__ import annotations

import io
import types
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import pytest

import dagu
from dagu.contracts.container import ContainerRequest
from dagu.contracts.events import Notice, RunEvent, RunFinished
from dagu.contracts.provider import (
    HarnessProvider,
    HarnessTask,
    Invocation,
    PromptChannel,
    ProviderFacts,
)
from dagu.contracts.runtime import Attachment, ContainerRuntime
from dagu.contracts.specs import ProviderSpec, Refusal, RuntimeSpec
from dagu.contracts.streams import Streams
from dagu.errors import ContainerNotFound, PluginError, TaskInvalid
from dagu.plugins import Plugins

Hook = Callable[..., Any]


def plugin(**hooks: Hook) -> types.ModuleType:
    module = types.ModuleType("fake_plugin")
    for name, hook in hooks.items():
        setattr(module, name, dagu.hookimpl(hook))
    return module


class FakeAttachment(Attachment):
    def __init__(self, streams: Streams) -> None:
        self.streams = streams

    def join(self) -> None:
        self.streams.stdout(b"out")
        if self.streams.stdin is not None and self.streams.stdin.read() == b"break":
            raise RuntimeError("in the plugin")

    def close(self) -> None:
        raise OSError("socket")


class FakeRuntime:
    label = "plain attribute"
    closed = False

    def find_image(self, reference: str) -> None:
        raise KeyError(reference)

    def inspect(self, container: str) -> None:
        raise ContainerNotFound(f"no container {container}")

    def get_archive(self, container: str, path: str, sink: Callable[[bytes], object]) -> None:
        raise FileNotFoundError(path)

    def put_archive(self, container: str, path: str, archive: BinaryIO) -> None:
        raise FileNotFoundError(path)

    def logs(self, container: str, **sinks: Callable[[bytes], object]) -> None:
        sinks["stdout"](b"block")

    def attach(self, container: str, streams: Streams) -> Attachment:
        return FakeAttachment(streams)

    def __enter__(self) -> FakeRuntime:
        return self

    def __exit__(self, *exc: object) -> None:
        self.closed = True


ContainerRuntime.register(FakeRuntime)


def fake_runtime(make: Callable[[Mapping[str, str]], Any] = lambda environ: FakeRuntime()) -> Any:
    spec = RuntimeSpec(name="fake", summary="", factory=make)
    plugins = Plugins({}, extra=[plugin(dagu_register_runtimes=lambda: [spec])], discover=False)
    return plugins.runtime("fake").factory({"A": "b"})


def test_the_proxy_passes_for_the_runtime() -> None:
    runtime = fake_runtime()
    passes: bool = isinstance(runtime, ContainerRuntime)
    assert passes
    assert runtime.label == "plain attribute"
    with runtime as same:
        assert same is runtime
    assert runtime.closed
    assert len({runtime, runtime}) == 1
    with pytest.raises(AttributeError):
        _ = runtime.no_such_method


def test_an_unexpected_exception_names_the_plugin() -> None:
    with pytest.raises(PluginError) as raised:
        fake_runtime().find_image("alpine")
    assert "plugin given" in str(raised.value)
    assert "(container runtime 'fake', find_image): KeyError: 'alpine'" in str(raised.value)
    assert isinstance(raised.value.__cause__, KeyError)


def test_errors_of_the_contract_pass() -> None:
    with pytest.raises(ContainerNotFound):
        fake_runtime().inspect("x")
    with pytest.raises(FileNotFoundError):
        fake_runtime().get_archive("x", "/a", print)
    with pytest.raises(FileNotFoundError):
        fake_runtime().put_archive("x", "/a", io.BytesIO())


def test_what_core_raises_in_a_callback_is_not_blamed_on_the_plugin() -> None:
    def full(_block: bytes) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fake_runtime().logs("x", stdout=full, stderr=full)
    attachment = fake_runtime().attach("x", Streams(stdout=full))
    assert isinstance(attachment, Attachment)
    with pytest.raises(OSError, match="disk full"):
        attachment.join()
    with pytest.raises(PluginError, match="close"):
        attachment.close()


def test_streams_arrive() -> None:
    got: list[bytes] = []
    fake_runtime().attach("x", Streams(stdout=got.append, stdin=io.BytesIO(b"fine"))).join()
    assert got == [b"out"]
    with pytest.raises(PluginError, match="in the plugin"):
        fake_runtime().attach("x", Streams(stdin=io.BytesIO(b"break"))).join()


def test_a_factory_that_fails_or_makes_something_else() -> None:
    def fail(environ: Mapping[str, str]) -> Any:
        raise ImportError(f"no sdk {environ['A']}")

    with pytest.raises(PluginError, match=r"'fake', factory\): ImportError: no sdk b"):
        fake_runtime(fail)
    with pytest.raises(PluginError, match="it made a str, no ContainerRuntime"):
        fake_runtime(lambda environ: "runtime")


def test_providers_too() -> None:
    class Provider(HarnessProvider):
        def invocation(self, task: HarnessTask) -> Invocation:
            if task.prompt == "invalid":
                raise TaskInvalid("prompt")
            raise ZeroDivisionError

    spec = ProviderSpec(
        name="mine",
        summary="",
        facts=ProviderFacts(binary="mine", prompt_channel=PromptChannel.STDIN),
        factory=Provider,
    )
    plugins = Plugins({}, extra=[plugin(dagu_register_harness_providers=lambda: [spec])], discover=False)
    assert plugins.provider("mine").facts is spec.facts
    provider = plugins.provider("mine").factory()
    assert isinstance(provider, HarnessProvider)
    assert list(provider.read_events(b"x")) == []
    with pytest.raises(TaskInvalid):
        provider.invocation(HarnessTask(prompt="invalid"))
    with pytest.raises(PluginError, match="invocation"):
        provider.invocation(HarnessTask(prompt="x"))


class TestReview:
    request = ContainerRequest(image="alpine")

    def ask(self, *reviews: Hook) -> list[Refusal]:
        extra = [plugin(dagu_review_container=review) for review in reviews]
        return Plugins({}, extra=extra, discover=False).review(self.request)

    def test_all_are_asked(self) -> None:
        def no(request: ContainerRequest) -> Refusal:
            return Refusal(rule="r", reason=request.image)

        def yes(request: ContainerRequest) -> None:
            return None

        assert self.ask(no, yes, no) == [Refusal(rule="r", reason="alpine")] * 2
        assert self.ask(yes) == []

    def test_a_broken_reviewer_refuses(self) -> None:
        def fail(request: ContainerRequest) -> None:
            raise RuntimeError("policy file is gone")

        def nonsense(request: ContainerRequest) -> bool:
            return False

        first, second = self.ask(fail, nonsense)
        assert "policy file is gone" in first.reason
        assert first.rule.startswith("plugin given")
        assert "gave a bool" in second.reason

    def test_what_is_required_and_lacks_refuses(self) -> None:
        def yes(request: ContainerRequest) -> None:
            return None

        def asked(names: str, hook: str) -> list[Refusal]:
            extra = [plugin(**{hook: yes})]
            found = Plugins({"DAGU_REQUIRED_PLUGINS": names}, extra=extra, discover=False)
            return found.review(self.request)

        assert asked("Given", "dagu_review_container") == []
        (refusal,) = asked("given, acme_policy", "dagu_review_container")
        assert (refusal.rule, refusal.reason) == (
            "DAGU_REQUIRED_PLUGINS",
            "plugin acme_policy is not installed",
        )
        (refusal,) = asked("given", "dagu_revue_container")
        assert "plugin given is not used: there is no hook dagu_revue_container" in refusal.reason


def test_an_observer_that_fails_is_told_once_per_run() -> None:
    seen: list[RunEvent] = []
    calls: list[RunEvent] = []

    def fails(event: RunEvent) -> None:
        calls.append(event)
        raise ValueError("no network")

    def sees(event: RunEvent) -> None:
        seen.append(event)

    extra = [plugin(dagu_run_event=fails), plugin(dagu_run_event=sees)]
    plugins = Plugins({}, extra=extra, discover=False)
    assert plugins.observed
    first = Notice(run_id="r1", workflow="w", at=0.0, text="t")
    end = RunFinished(run_id="r1", workflow="w", at=0.0, status="succeeded")
    other = Notice(run_id="r2", workflow="w", at=0.0, text="t")
    assert ["no network" in str(error) for error in plugins.emit(first)] == [True]
    assert plugins.emit(first) == []
    assert plugins.emit(end) == []
    assert len(plugins.emit(other)) == 1
    assert calls == [first, other]
    assert seen == [first, first, end, other]
    assert not Plugins({}, discover=False).observed
