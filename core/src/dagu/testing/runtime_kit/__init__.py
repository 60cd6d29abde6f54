"""The conformance kit of container runtimes: one class with one fixture to fill in."""

from __future__ import annotations

from typing import Any

from dagu.contracts.capability import Capability
from dagu.testing.runtime_kit.archives import Archives
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.concurrency import Concurrency
from dagu.testing.runtime_kit.environment import Environment
from dagu.testing.runtime_kit.exec_trees import ExecTrees
from dagu.testing.runtime_kit.execs import Execs
from dagu.testing.runtime_kit.exits import Exits
from dagu.testing.runtime_kit.health import HealthChecks
from dagu.testing.runtime_kit.identity import Identity
from dagu.testing.runtime_kit.images import Images
from dagu.testing.runtime_kit.lab import OWNER_LABEL, SESSION, Lab
from dagu.testing.runtime_kit.labels import Labels
from dagu.testing.runtime_kit.lifecycle import Lifecycle
from dagu.testing.runtime_kit.limits import Limits
from dagu.testing.runtime_kit.mounts import Mounts
from dagu.testing.runtime_kit.networks import Networks
from dagu.testing.runtime_kit.stdin import StandardInput
from dagu.testing.runtime_kit.streams import OutputStreams
from dagu.testing.runtime_kit.undeclared import Undeclared
from dagu.testing.runtime_kit.waiting import Waiting

__all__ = ["RuntimeConformance"]


class RuntimeConformance(  # pytest runs the cases of the last base first
    Undeclared,
    Concurrency,
    Labels,
    ExecTrees,
    Execs,
    Archives,
    HealthChecks,
    Limits,
    Networks,
    Mounts,
    Environment,
    Identity,
    Exits,
    StandardInput,
    OutputStreams,
    Waiting,
    Lifecycle,
    Images,
):
    """Proves a container runtime. Subclass it in a test module and give it a runtime::

        class TestMyRuntime(RuntimeConformance):
            image = "alpine:3.20"

            @pytest.fixture(scope="class")
            @classmethod
            def runtime(cls):
                with MyRuntime() as runtime:
                    yield runtime

    Cases of a capability that the runtime does not declare assert that requests for it raise ``Unsupported``,
    and are reported as skipped, ``not declared``. A case can't be overridden or taken away. One that the engine
    can't pass goes into ``known_differences`` with the reason: it is then expected to fail, and fails when it
    passes.

    See :class:`dagu.testing.runtime_kit.base.Kit` for the attributes.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # Past Kit's own, which guards the kit's cases: a subclass' other tests are its own affair.
        super(Kit, cls).__init_subclass__(**kwargs)
        cases = {name for name in dir(RuntimeConformance) if name.startswith("test_")}
        changed = sorted(
            name for name in cases if getattr(cls, name, None) is not getattr(RuntimeConformance, name)
        )
        if changed:
            raise TypeError(
                f"{cls.__name__} overrides {', '.join(changed)} of the conformance kit: a case that this runtime"
                " can't pass belongs into known_differences, with the reason"
            )
        for name, reason in cls.known_differences.items():
            if name.partition("[")[0] not in cases:
                raise TypeError(
                    f"{cls.__name__}.known_differences names {name!r}, which is no case of the kit"
                )
            if not reason.strip():
                raise TypeError(f"{cls.__name__}.known_differences gives no reason for {name!r}")

    @needs(Capability.LABELS)
    def test_nothing_is_left_behind(self, lab: Lab) -> None:
        # The last case: what the ones before it made must be gone.
        assert not lab.runtime.find({OWNER_LABEL: SESSION})
