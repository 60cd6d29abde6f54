"""The picture of a graph."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dagu_web_server.graph import HEIGHT, Drawing, draw


def step(name: str, *depends: str) -> dict[str, Any]:
    return {"name": name, "depends": depends}


def places(drawing: Drawing) -> dict[str, tuple[float, float]]:
    return {node.name: (node.x, node.y) for node in drawing.nodes}


def test_later_steps_stand_below() -> None:
    found = places(draw([step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c")]))
    assert found["a"][1] < found["b"][1] == found["c"][1] < found["d"][1]
    assert found["b"][0] < found["c"][0]  # as in the file


def test_steps_that_wait_for_nothing_stand_in_rows() -> None:
    drawing = draw([step(str(number)) for number in range(12)])
    found = places(drawing)
    assert len({y for _, y in found.values()}) > 1
    assert drawing.width < 1000


def test_boxes_hold_their_names() -> None:
    boxes = [draw([step("x" * length)]).box for length in (1, 12, 100)]
    assert boxes[0] < 12 * 8 < boxes[1] < boxes[2] < 200


def test_what_can_not_be_drawn_is_left_out() -> None:
    drawing = draw([step("a", "a", "nobody"), step("b", "a", "a")])
    assert [(edge.source, edge.target) for edge in drawing.edges] == [("a", "b")]
    assert draw([]).nodes == ()


@st.composite
def graphs(draw_: st.DrawFn) -> list[dict[str, Any]]:
    count = draw_(st.integers(1, 14))
    return [
        step(f"s{at}", *(f"s{before}" for before in draw_(st.sets(st.integers(0, at - 1), max_size=3))))
        if at
        else step("s0")
        for at in range(count)
    ]


@given(graphs())
@settings(deadline=None, max_examples=300)
def test_every_step_has_a_place_of_its_own_inside_and_every_wait_a_line(steps: list[dict[str, Any]]) -> None:
    drawing = draw(steps)
    found = places(drawing)
    assert set(found) == {each["name"] for each in steps}
    for name, (x, y) in found.items():
        assert 0 <= x <= drawing.width - drawing.box
        assert 0 <= y <= drawing.height - HEIGHT
        for other, (x2, y2) in found.items():
            assert name == other or abs(x - x2) >= drawing.box or abs(y - y2) >= HEIGHT, (name, other)
    waits = {(before, each["name"]) for each in steps for before in each["depends"]}
    assert {(edge.source, edge.target) for edge in drawing.edges} == waits
    for source, target in waits:
        assert found[source][1] < found[target][1]
