"""The frame of the kit: the one fixture to fill in, and how a case meets what a runtime declares."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.runtime import ContainerRuntime
from dagu.testing.runtime_kit.lab import Lab
from dagu.testing.runtime_kit.probes import HANG_GUARD
from dagu.testing.runtime_kit.refusals import assert_refused

Case = Callable[..., None]


def needs(*capabilities: Capability) -> Callable[[Case], Case]:
    """Mark a case as one that holds only for runtimes with these capabilities.

    For a runtime that does not declare one, the case instead asserts that a request for it raises
    ``Unsupported``, and is then reported as skipped with ``not declared``.
    """

    def mark(case: Case) -> Case:
        case.needs = capabilities  # type: ignore[attr-defined]
        return case

    return mark


def needed_by(case: Callable[..., object]) -> tuple[Capability, ...]:
    """The capabilities that :func:`needs` gave a case."""
    found: tuple[Capability, ...] = getattr(case, "needs", ())
    return found


class Kit:
    """Base of every part of the kit.

    Attributes:
        image: A small image with a shell and the usual tools (BusyBox does), already on the engine.
        pull_image: What the pull cases fetch; empty means ``image``.
        shared_root: Where directories for bind mounts are made; empty means the system's temporary directory.
            Set it where the engine sees only a part of this file system.
        known_differences: Case name to the reason why this runtime fails it, beside what its
            :class:`~dagu.contracts.runtime.RuntimeInfo` says. The case still runs, and fails when it passes after all.
    """

    image: ClassVar[str] = "alpine:3.20"
    pull_image: ClassVar[str] = ""
    shared_root: ClassVar[str] = ""
    known_differences: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, case in list(vars(cls).items()):
            if name.startswith("test_"):
                setattr(cls, name, _guarded(case))

    @pytest.fixture
    def runtime(self) -> ContainerRuntime:
        """The runtime under test. Override it; a fixture of class scope saves time."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `runtime`")

    @pytest.fixture
    def lab(self, runtime: ContainerRuntime, request: pytest.FixtureRequest) -> Iterator[Lab]:
        """What the cases use."""
        node = request.node
        known = {**runtime.check().known_differences, **self.known_differences}
        reason = known.get(node.name) or known.get(node.originalname)
        if reason:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
        lab = Lab(
            runtime,
            image=self.image,
            pull_image=self.pull_image or self.image,
            shared_root=self.shared_root,
        )
        yield lab
        lab.close()


def _guarded(case: Case) -> Case:
    """Run the case on a thread, so that one that hangs is reported and its containers are removed."""
    needed = needed_by(case)

    @functools.wraps(case)
    def run(self: Kit, lab: Lab, **rest: Any) -> None:
        undeclared = [capability for capability in needed if capability not in lab.capabilities]

        def body() -> None:
            if not undeclared:
                case(self, lab, **rest)
            for capability in undeclared:
                assert_refused(lab, capability)

        _on_a_thread(body)
        if undeclared:
            pytest.skip("not declared: " + ", ".join(capability.value for capability in undeclared))

    return run


def _on_a_thread(body: Callable[[], None]) -> None:
    raised: list[BaseException] = []

    def target() -> None:
        try:
            body()
        except BaseException as error:  # noqa: BLE001 (raised again by the thread that waits)
            raised.append(error)

    thread = threading.Thread(target=target, name="kit-case", daemon=True)
    thread.start()
    thread.join(HANG_GUARD)
    if thread.is_alive():
        pytest.fail(f"the case still hangs after {HANG_GUARD:g} seconds")
    if raised:
        raise raised[0]
