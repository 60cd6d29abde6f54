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
