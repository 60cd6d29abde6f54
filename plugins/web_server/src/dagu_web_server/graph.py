"""Where the steps of a workflow stand in its picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Any

HEIGHT = 40.0
"""Of a step's box, in pixels."""
_NARROWEST, _WIDEST = 92.0, 190.0
_LETTER, _EDGES = 8.0, 46.0  # of a box's width: each letter of the longest name, and all the rest
_BETWEEN, _DOWN = 20.0, 74.0
_MARGIN = 8.0
_ROW = 940.0
"""Parts that don't hang together stand beside each other until the picture is this wide."""
_UNIT = 16  # of the layout's own measure, from box to box

Point = tuple[float, float]


@dataclass(frozen=True)
class Node:
    """A step's box: its name and top left corner."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Edge:
    """A step waits for another: the line between them, as a path of SVG."""

    source: str
    target: str
    path: str


@dataclass(frozen=True)
class Drawing:
    """A picture of a graph, in pixels."""

    width: float
    height: float
    box: float
    """Width of each step's box."""
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class _Part:
    """Steps that hang together: centres, from the part's top left one on, and lines as the points they pass."""

    centres: Mapping[int, Point]
    lines: Mapping[tuple[int, int], Sequence[Point]]
    width: float = 0.0
    height: float = 0.0


def draw(steps: Sequence[Mapping[str, Any]]) -> Drawing:
    """The picture of steps by their ``name`` and ``depends``, from top to bottom."""
    names = {str(step["name"]): None for step in steps}
    waits = {
        (str(before), str(step["name"])): None
        for step in steps
        for before in step.get("depends") or ()
        if before in names and before != step["name"]
    }
    return _drawn(tuple(names), tuple(waits))


@lru_cache(maxsize=64)
def _drawn(names: tuple[str, ...], waits: tuple[tuple[str, str], ...]) -> Drawing:
    number = {name: at for at, name in enumerate(names)}
    longest = max(map(len, names), default=0)
    box = min(_WIDEST, max(_NARROWEST, longest * _LETTER + _EDGES))
    pairs = [(number[source], number[target]) for source, target in waits]
    tied = {end for pair in pairs for end in pair}
    parts = [
        *(_laid_out(part, box) for part in _connected(pairs)),
        *(_Part({at: (0.0, 0.0)}, {}) for at in number.values() if at not in tied),
    ]
    nodes: list[Node] = []
    edges: list[Edge] = []
    width = height = 0.0
    for part, left, top in _shelved(sorted(parts, key=lambda part: min(part.centres)), box):
        for at, (x, y) in part.centres.items():
            nodes.append(Node(names[at], left + x, top + y))
        for (source, target), points in part.lines.items():
            moved = [(left + x + box / 2, top + y + HEIGHT / 2) for x, y in points]
            edges.append(Edge(names[source], names[target], _path(moved)))
        width = max(width, left + part.width + box + _MARGIN)
        height = max(height, top + part.height + HEIGHT + _MARGIN)
    nodes.sort(key=lambda node: number[node.name])
    return Drawing(width, height, box, tuple(nodes), tuple(edges))


def _connected(pairs: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """The lines of each part that hangs together."""
    group: dict[int, list[int]] = {}
    for pair in pairs:
        joined = [*dict.fromkeys(at for end in pair for at in group.get(end, [end]))]
        group.update(dict.fromkeys(joined, joined))
    parts: dict[int, list[tuple[int, int]]] = {}
    for pair in pairs:
        parts.setdefault(id(group[pair[0]]), []).append(pair)
    yield from parts.values()


def _laid_out(pairs: Sequence[tuple[int, int]], box: float) -> _Part:
    from fast_sugiyama import from_edges

    # The layout's own nodes are numbered from how many there are on, so the numbers below that must be the steps',
    # and one part is laid out at a time.
    ends = sorted({end for pair in pairs for end in pair})
    number = {end: at for at, end in enumerate(ends)}
    real = set(range(len(ends)))
    edges = [(number[source], number[target]) for source, target in pairs]
    ((positions, _, _, links),) = from_edges(edges, vertex_spacing=_UNIT, dummy_size=_UNIT / 4)
    top = max(y for _, (_, y) in positions)
    left = min(x for _, (x, _) in positions)
    places = _as_in_file(
        {
            int(at): ((x - left) * (box + _BETWEEN) / _UNIT, (top - y) * _DOWN / _UNIT)
            for at, (x, y) in positions
        },
        real,
    )
    lines = _lines([(int(source), int(target)) for source, target in links or ()], places, real)
    return _Part(
        {ends[at]: place for at, place in places.items() if at in real},
        {(ends[source], ends[target]): points for (source, target), points in lines},
        max(x for x, _ in places.values()),
        max(y for _, y in places.values()),
    )


def _as_in_file(places: Mapping[int, Point], real: set[int]) -> Mapping[int, Point]:
    """The places, or their mirror image if more steps stand in the order of the file then."""
    rows: dict[float, list[int]] = {}
    for at, (_, y) in places.items():
        if at in real:
            rows.setdefault(y, []).append(at)
    gained = 0
    for row in rows.values():
        for one, other in combinations(sorted(row), 2):
            gained += 1 if places[one][0] > places[other][0] else -1
    width = max(x for x, _ in places.values())
    return {at: (width - x, y) for at, (x, y) in places.items()} if gained > 0 else places


def _lines(
    links: Sequence[tuple[int, int]], places: Mapping[int, Point], real: set[int]
) -> Iterator[tuple[tuple[int, int], list[Point]]]:
    """Each line from a step to a step; a long one passes places that the layout keeps free for it."""
    after = {source: target for source, target in links if source not in real}
    for source, target in links:
        if source not in real:
            continue
        points, at = [places[source], places[target]], target
        while at not in real:
            at = after[at]
            points.append(places[at])
        yield (source, at), points


def _shelved(parts: Sequence[_Part], box: float) -> Iterator[tuple[_Part, float, float]]:
    left = top = _MARGIN
    tallest = 0.0
    for part in parts:
        if left > _MARGIN and left + part.width + box > _ROW:
            left, top, tallest = _MARGIN, top + tallest + _DOWN, 0.0
        yield part, left, top
        left += part.width + box + _BETWEEN
        tallest = max(tallest, part.height)


def _path(centres: Sequence[Point]) -> str:
    """A curve from the bottom of the first box to the top of the last one, upright where it passes a row."""
    (x, y), *between, (end_x, end_y) = centres
    points = [(x, y + HEIGHT / 2), *between, (end_x, end_y - HEIGHT / 2)]
    words = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        words.append(f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}")
    return "".join(words)
