"""Cron expressions, above all where clocks are set."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagu.errors import UsageError
from dagu.service.cron import parse_cron

BERLIN = ZoneInfo("Europe/Berlin")
SPRING = datetime(2026, 3, 28, 12, tzinfo=BERLIN)
AUTUMN = datetime(2026, 10, 24, 12, tzinfo=BERLIN)


def times(text: str, after: datetime, count: int) -> list[str]:
    found = parse_cron(text, BERLIN).after(after)
    return [at.astimezone(BERLIN).strftime("%d %H:%M %z") for at in islice(found, count)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 02:00 to 03:00 does not exist on the 29th: what is due in it is due at 03:00, once.
        ("30 2 * * *", ["29 03:00 +0200", "30 02:30 +0200"]),
        ("0,30 2 * * *", ["29 03:00 +0200", "30 02:00 +0200", "30 02:30 +0200"]),
        ("0 3 * * *", ["29 03:00 +0200", "30 03:00 +0200"]),
        ("59 1 * * *", ["29 01:59 +0100", "30 01:59 +0200"]),
        ("@daily", ["29 00:00 +0100", "30 00:00 +0200"]),
    ],
)
def test_in_spring(text: str, expected: list[str]) -> None:
    assert times(text, SPRING, len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 02:00 to 03:00 comes twice on the 25th: fixed times are due in the first one only.
        ("30 2 * * *", ["25 02:30 +0200", "26 02:30 +0100"]),
        ("0 3 * * *", ["25 03:00 +0100", "26 03:00 +0100"]),
        ("@midnight", ["25 00:00 +0200", "26 00:00 +0100"]),
    ],
)
def test_in_autumn(text: str, expected: list[str]) -> None:
    assert times(text, AUTUMN, len(expected)) == expected


def test_what_is_due_every_hour_goes_by_the_time_that_passes() -> None:
    before = datetime(2026, 3, 29, 0, 30, tzinfo=BERLIN)
    assert times("0 * * * *", before, 3) == ["29 01:00 +0100", "29 03:00 +0200", "29 04:00 +0200"]
    before = datetime(2026, 10, 25, 1, 30, tzinfo=BERLIN)
    assert times("0 * * * *", before, 3) == ["25 02:00 +0200", "25 02:00 +0100", "25 03:00 +0100"]
    assert times("*/30 * * * *", before, 4)[-2:] == ["25 02:00 +0100", "25 02:30 +0100"]


def test_beginning_in_the_repeated_hour_does_not_go_back() -> None:
    second = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    assert times("30 2 * * *", second, 1) == ["26 02:30 +0100"]


def test_a_zone_of_its_own() -> None:
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    tokyo = parse_cron("CRON_TZ=Asia/Tokyo 0 9 * * *", BERLIN)
    assert next(tokyo.after(noon)) == datetime(2026, 6, 2, 0, tzinfo=UTC)
    assert next(parse_cron("TZ=UTC  0 13 * * *", BERLIN).after(noon)) == datetime(2026, 6, 1, 13, tzinfo=UTC)
    assert tokyo.text == "CRON_TZ=Asia/Tokyo 0 9 * * *"


def test_names_ranges_and_both_day_fields() -> None:
    start = datetime(2026, 6, 1, tzinfo=UTC)  # a Monday

    def days(text: str, count: int = 3) -> list[int]:
        return [at.day for at in islice(parse_cron(text, UTC).after(start), count)]

    assert days("0 1 * * MON-WED") == [1, 2, 3]
    assert days("0 1 * JUN sun") == [7, 14, 21]
    assert days("0 1 * * 7") == [7, 14, 21]
    assert days("0 1 10 * ?") == [10, 10, 10]
    assert days("0 1 10 * FRI", 4) == [5, 10, 12, 19]
    assert days("0 1 */10 * *") == [1, 11, 21]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("61 * * * *", "bad minute"),
        ("* 24 * * *", "bad hour"),
        ("* * 0 * *", "bad day-of-month"),
        ("* * * 13 *", "bad month"),
        ("* * * * 8", "bad day-of-week"),
        ("x * * * *", "bad minute"),
        ("*/0 * * * *", "bad minute"),
        ("5-1 * * * *", "bad minute"),
        ("* * * *", "4 fields, not 5"),
        ("0 * * * * *", "6 fields, not 5"),
        ("", "0 fields, not 5"),
        ("@reboot", "there is no @reboot"),
        ("@every 5m", "there is no @every 5m"),
        ("0 0 31 2 *", "is no cron expression"),
        ("0 0 30 2 *", "is no cron expression"),
        ("CRON_TZ=Nowhere/Land 0 0 * * *", "no time zone 'Nowhere/Land'"),
        ("CRON_TZ=../../etc/passwd 0 0 * * *", "no time zone"),
    ],
)
def test_mistakes(text: str, part: str) -> None:
    with pytest.raises(UsageError, match=re.escape(part)):
        parse_cron(text, UTC)


def test_before() -> None:
    cron = parse_cron("30 2 * * *", BERLIN)
    assert cron.before(datetime(2026, 3, 29, 5, tzinfo=UTC)) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    leap = parse_cron("0 0 29 2 *", UTC)
    assert leap.before(datetime(2026, 6, 1, tzinfo=UTC)) == datetime(2024, 2, 29, tzinfo=UTC)
    assert leap.before(datetime(2024, 2, 29, tzinfo=UTC)) == datetime(2020, 2, 29, tzinfo=UTC)


@settings(max_examples=60, deadline=None)
@given(
    text=st.sampled_from(
        ["30 2 * * *", "*/7 * * * *", "0 * * * *", "15 1,2,3 * * *", "@daily", "0 0 1 * *", "59 23 * * 6"]
    ),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    minutes=st.integers(min_value=0, max_value=60 * 24 * 366),
)
def test_both_ways_tell_the_same(text: str, zone: str, minutes: int) -> None:
    cron = parse_cron(text, ZoneInfo(zone))
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    found = list(islice(cron.after(moment), 4))
    assert found[0] > moment
    for one, following in pairwise(found):
        assert one < following
        assert cron.before(following) == one
    assert all(at.second == 0 for at in found)
