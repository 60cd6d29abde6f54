"""Labels: kept as given, and found again."""

from __future__ import annotations

from dagu.contracts.capability import Capability
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab

ODD = {
    "dagu.kit.empty": "",
    "dagu.kit.equals": "a=b",
    "dagu.kit.text": "two words, \"quoted\" and 'quoted'",
    "dagu.kit.unicode": "naïve 日本語",
}


class Labels(Kit):
    @needs(Capability.LABELS)
    def test_labels_come_back_as_given(self, lab: Lab) -> None:
        labels = lab.state(lab.create("true", labels=ODD)).labels
        assert {name: labels.get(name) for name in ODD} == ODD

    @needs(Capability.LABELS)
    def test_every_label_must_match(self, lab: Lab) -> None:
        first = lab.create("true", labels={"dagu.kit.a": "1", "dagu.kit.b": "1"})
        second = lab.create("true", labels={"dagu.kit.a": "1", "dagu.kit.b": "2"})
        assert _found(lab, {"dagu.kit.a": "1"}) == {first, second}
        assert _found(lab, {"dagu.kit.a": "1", "dagu.kit.b": "2"}) == {second}
        assert _found(lab, {"dagu.kit.a": "2"}) == set()
        assert _found(lab, {"dagu.kit.c": "1"}) == set()

    @needs(Capability.LABELS)
    def test_an_empty_value_finds_any_value(self, lab: Lab) -> None:
        first = lab.create("true", labels={"dagu.kit.a": "1"})
        second = lab.create("true", labels={"dagu.kit.a": "2"})
        lab.create("true")
        assert _found(lab, {"dagu.kit.a": ""}) == {first, second}

    @needs(Capability.LABELS)
    def test_containers_are_found_in_any_state(self, lab: Lab) -> None:
        created, running, ended = lab.create("true"), lab.up(), lab.create("true")
        lab.finish(ended)
        states = {state.id: state for state in lab.runtime.find(lab.labels)}
        assert set(states) == {created, running, ended}
        for container, state in states.items():
            assert state.status is lab.state(container).status
            assert state.labels == lab.state(container).labels

    @needs(Capability.LABELS)
    def test_a_removed_container_is_not_found(self, lab: Lab) -> None:
        lab.runtime.remove(lab.create("true"))
        assert not lab.runtime.find(lab.labels)


def _found(lab: Lab, labels: dict[str, str]) -> set[str]:
    return {state.id for state in lab.runtime.find(lab.labels | labels)}
