"""Section 6 of the reference: constants."""

from __future__ import annotations

import pytest

from .conftest import Project

STEP = "steps: [{id: a, run: touch ran}]\n"


@pytest.mark.parametrize(
    ("consts", "fragments"),
    [
        ("{a: 1}", ["consts", "list"]),
        ("[a]", ["consts[0]", "single-entry mappings"]),
        ("[{ok: 1}, {a: 1, b: 2}]", ["consts[1]", "exactly one key"]),
        ("[{}]", ["consts[0]", "exactly one key"]),
        ("[{a-b: 1}]", ["consts key", "invalid"]),
        ("[{_a: 1}]", ["consts key", "invalid"]),
        ("[{a: null}]", ["const", "literal string, number, or boolean"]),
        ("[{a: [1]}]", ["const", "literal string, number, or boolean"]),
        ("[{a: {b: c}}]", ["const", "literal string, number, or boolean"]),
        ("[{a: .nan}]", ["const", "finite"]),
        ("[{a: -.inf}]", ["const", "finite"]),
    ],
)
def test_load_errors(dagu: Project, consts: str, fragments: list[str]) -> None:
    dagu.refuses(f"consts: {consts}\n{STEP}", *fragments)


def test_each_sees_the_earlier_ones_only(dagu: Project) -> None:
    ended = dagu.start(
        """
        consts:
          - region: eu
          - bucket: data-${consts.region}
          - self: ${consts.self}
          - later: ${consts.last}-${params.p}-${env.E}
          - last: end
        params: [{name: p, default: x}]
        env: {E: e}
        steps:
          - id: a
            run: printf '%s|' '${consts.bucket}' '${consts.self}' '${consts.later}' '${consts.last}'
        """
    )
    assert ended.stdout("a") == "data-eu|${consts.self}|${consts.last}-${params.p}-${env.E}|end|"
