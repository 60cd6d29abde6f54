"""Times and numbers as people read them."""

from __future__ import annotations

import pytest

from dagu_web_server.pages import words
from dagu_web_server.pages.query import number, one_of
from dagu_web_server.states import STATES, state


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (-3, "0.0 s"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.7, "1 m 00 s"),
        (185, "3 m 05 s"),
        (3600, "1 h 00 m"),
        (86400 * 3 + 4 * 3600, "3 d 4 h"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


def test_moments_and_numbers() -> None:
    assert words.iso(0.5) == "1970-01-01T00:00:00.500Z"
    assert words.moment(0) == "1970-01-01 00:00:00 UTC"
    assert words.number(1234567) == "1\u202f234\u202f567"
    assert [words.dollars(value) for value in (None, 0, 0.0123, 1.5)] == ["", "$0.00", "$0.0123", "$1.50"]
    assert words.shortened("a" * 30, 9) == "aaaaa…aaa"
    assert words.shown_json({"é": 1}) == '{\n  "é": 1\n}'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("{}", ""),
        ("null", ""),
        ("[]", ""),
        ('{"a":"1","b":"x y","c":"","d":[1],"e":true}', 'a=1 b="x y" c="" d=[1] e=true'),
        ('["one","two words"]', 'one "two words"'),
        ("a=1 b=2", "a=1 b=2"),
    ],
)
def test_parameters(text: str, shown: str) -> None:
    assert words.shown_params(text) == shown


def test_every_state_has_a_sign_of_its_own_or_a_word_of_its_own() -> None:
    assert len({(each.word, each.tone) for each in STATES.values()}) == len(STATES)
    assert state("brand_new").word == "brand new"


def test_queries_take_what_fits() -> None:
    assert [number(text, most=50) for text in ("", "7", "99", "-1", "x", "9" * 30, "٣")] == [
        0,
        7,
        50,
        0,
        0,
        0,
        0,
    ]
    assert [one_of(text, {"a"}) for text in ("a", "b", "")] == ["a", "", ""]
