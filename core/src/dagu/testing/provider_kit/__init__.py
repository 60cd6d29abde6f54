"""The conformance kit of harness providers: one class with one fixture to fill in."""

from __future__ import annotations

from typing import Any

from dagu.testing.provider_kit.events import Events
from dagu.testing.provider_kit.facts import Facts
from dagu.testing.provider_kit.options import Options
from dagu.testing.provider_kit.prompts import Prompts

__all__ = ["ProviderConformance"]


class ProviderConformance(Facts, Prompts, Options, Events):
    """Proves a harness provider. Subclass it in a test module and give it the provider's spec::

        class TestMyAgent(ProviderConformance):
            stream = Path("stream.jsonl").read_bytes()  # what the program printed once
            answer = "Done."
            usage = Usage(input=1200, cached=1000, output=30)

            @pytest.fixture
            def spec(self):
                (spec,) = my_plugin.dagu_register_harness_providers()
                return spec

    The program need not be installed: a stand-in is called in its place and writes down how. A case can't be
    overridden or taken away. One that the program can't pass goes into ``known_differences`` with the reason:
    it is then expected to fail, and fails when it passes.

    See :class:`dagu.testing.provider_kit.frame.Kit` for the attributes.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cases = {name for name in dir(ProviderConformance) if name.startswith("test_")}
        changed = sorted(
            name for name in cases if getattr(cls, name, None) is not getattr(ProviderConformance, name)
        )
        if changed:
            raise TypeError(
                f"{cls.__name__} overrides {', '.join(changed)} of the conformance kit: a case that this provider"
                " can't pass belongs into known_differences, with the reason"
            )
        for name, reason in cls.known_differences.items():
            if name.partition("[")[0] not in cases:
                raise TypeError(
                    f"{cls.__name__}.known_differences names {name!r}, which is no case of the kit"
                )
            if not reason.strip():
                raise TypeError(f"{cls.__name__}.known_differences gives no reason for {name!r}")
