"""What is not declared is refused, and what is declared is not."""

from __future__ import annotations

import pytest

from dagu.contracts.capability import Capability
from dagu.errors import RuntimeFailure, Unsupported
from dagu.testing.runtime_kit.base import Kit
from dagu.testing.runtime_kit.lab import Lab
from dagu.testing.runtime_kit.refusals import ASKS, assert_refused


class Undeclared(Kit):
    @pytest.mark.parametrize("capability", Capability, ids=lambda capability: capability.value)
    def test_a_capability_is_declared_or_refused(self, lab: Lab, capability: Capability) -> None:
        if capability not in lab.capabilities:
            assert_refused(lab, capability)
            return
        for ask in ASKS[capability]:
            try:
                ask(lab)
            except Unsupported as error:
                pytest.fail(f"{capability.value} is declared, yet refused: {error}")
            except (RuntimeFailure, FileNotFoundError):
                # This engine lacks the device, the network, the image or the file: that is an answer.
                continue

    @pytest.mark.parametrize("key", ["raw_container", "raw_host", "raw_network"])
    def test_a_raw_option_is_never_dropped_in_silence(self, lab: Lab, key: str) -> None:
        with pytest.raises(RuntimeFailure):
            lab.create("true", **{key: {"DaguKitNoSuchOption": 1}})
