"""The shortcut for the usual requirement on core agrees with the standard's own reading."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from dagu.plugins import discovery

_BOUNDS = ("0", "0.1", "0.1.0", "0.1.0.0", "0.1.1", "0.2", "0.10", "1", "2.0")


@pytest.mark.parametrize("core", ["0.1.0", "0.1", "0.1.1", "0.9.3", "0.10.0", "1.0"])
@pytest.mark.parametrize("low", _BOUNDS)
@pytest.mark.parametrize("high", _BOUNDS)
def test_plain_bounds(monkeypatch: pytest.MonkeyPatch, core: str, low: str, high: str) -> None:
    monkeypatch.setattr("dagu.__version__", core)
    for text in (f"dagu-core>={low},<{high}", f"dagu-core>={low}", f"dagu-core<{high}"):
        assert discovery._plainly_fits(text) == Requirement(text).specifier.contains(core, prereleases=True)


@pytest.mark.parametrize(
    "text", ["dagu-core==0.1.0", "dagu-core[egress]>=0.1", "dagu-core>=0.1; extra == 'x'"]
)
def test_anything_else_is_left_to_the_standard(text: str) -> None:
    assert not discovery._plainly_fits(text)


def test_a_core_before_its_release_is_left_to_the_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagu.__version__", "0.1.0rc1")
    assert not discovery._plainly_fits("dagu-core>=0.1,<0.2")
