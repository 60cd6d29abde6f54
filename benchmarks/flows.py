"""Workflow files for benchmarks."""

from __future__ import annotations

IMAGE = "alpine:3.20"
LINE = "x" * 99


def chain(steps: int, *, root: str = "", each: str = "") -> str:
    """Steps that run ``true`` one after the other.

    Args:
        root: YAML of the root, whole lines.
        each: YAML of every step, whole lines, indented by four.
    """
    body = "".join(f'  - id: s{number}\n    run: "true"\n{each}' for number in range(steps))
    return f"type: chain\n{root}steps:\n{body}"


def side_by_side(steps: int, *, each: str = "") -> str:
    """Steps that run ``true`` and wait for nothing."""
    body = "".join(f'  - id: s{number}\n    run: "true"\n{each}' for number in range(steps))
    return f"type: graph\nsteps:\n{body}"


def layers(number: int, *, wide: int = 20) -> str:
    """Layers of steps that run ``true``, each step after all of the layer before."""
    body = []
    for layer in range(number):
        before = f", depends: [{', '.join(f's{layer - 1}_{n}' for n in range(wide))}]" if layer else ""
        body += [f'  - {{id: s{layer}_{n}, run: "true"{before}}}\n' for n in range(wide)]
    return f"type: graph\nsteps:\n{''.join(body)}"


def each_of(items: int) -> str:
    """One step whose body runs ``true`` for every item."""
    return (
        "steps:\n  - id: each\n    foreach:\n"
        f"      items: [{', '.join(map(str, range(items)))}]\n"
        '      steps:\n        - {id: one, run: "true"}\n'
    )


def printing(size: int, *, each: str = "") -> str:
    """One step that prints so many bytes, in lines of a hundred."""
    return f"steps:\n  - id: print\n    run: {output(size)!r}\n{each}"


def output(size: int) -> str:
    """The shell command that prints so many bytes."""
    return f"yes {LINE} | head -c {size}"


CONTAINER = f"    container:\n      image: {IMAGE}\n"
"""Of a step: a container of its own, with everything as it is by default."""
ROOT_CONTAINER = f"container:\n  image: {IMAGE}\n"
"""Of the root: a container that all steps share."""
