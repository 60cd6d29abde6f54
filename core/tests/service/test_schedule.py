"""What a file says about when it runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dagu.service.schedule import Kind, Overlap, Schedule, Slot, read_schedule
from dagu.workflow.load import load_text

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def read(text: str) -> Schedule:
    return read_schedule(load_text(f"{text}\nsteps: [{{run: x}}]", name="w.yaml"), ZoneInfo("Asia/Tokyo"))


def test_nothing_said() -> None:
    found = read("")
    assert found == Schedule()
    assert found.next(NOON) is None
    assert found.start_before(NOON) is None


def test_everything_said() -> None:
    found = read("""
schedule:
  start: ["0 9 * * *", "CRON_TZ=UTC 0 13 * * *"]
  stop: "0 18 * * *"
catchup_window: 1d 12h
overlap_policy: latest
skip_if_successful: true
restart_wait_sec: 1.5
queue: slow
max_active_runs: 3
hist_retention_days: 0
hist_retention_runs: 20
""")
    assert found.problems == ()
    assert found.texts == ("0 9 * * *", "CRON_TZ=UTC 0 13 * * *", "stop: 0 18 * * *")
    assert (found.catchup_window, found.overlap) == (timedelta(hours=36), Overlap.LATEST)
    assert (found.skip_if_successful, found.restart_wait, found.queue) == (True, 1.5, "slow")
    assert (found.max_active_runs, found.overlap_limit) == (3, 3)
    assert (found.keep_days, found.keep_runs) == (0.0, 20)
    assert found.between(NOON, NOON + timedelta(hours=12)) == [
        Slot(datetime(2026, 6, 1, 13, tzinfo=UTC), Kind.START),
        Slot(datetime(2026, 6, 2, 0, tzinfo=UTC), Kind.START),
    ]
    assert found.next(NOON, Kind.STOP) == Slot(datetime(2026, 6, 2, 9, tzinfo=UTC), Kind.STOP)
    assert found.start_before(NOON) == datetime(2026, 6, 1, 0, tzinfo=UTC)


def test_once_and_expressions_in_mappings() -> None:
    found = read("schedule: [{at: 2026-06-01T16:00:00+02:00}, {cron: '0 9 * * *'}]")
    assert found.problems == ()
    assert found.texts == ("2026-06-01T16:00:00+02:00", "0 9 * * *")
    once = Slot(datetime(2026, 6, 1, 14, tzinfo=UTC), Kind.START)
    assert found.next(NOON) == once
    assert found.between(once.at, once.at + timedelta(days=1)) == [
        Slot(datetime(2026, 6, 2, 0, tzinfo=UTC), Kind.START)
    ]
    assert found.start_before(once.at + timedelta(seconds=1)) == once.at
    assert found.start_before(once.at) == datetime(2026, 6, 1, 0, tzinfo=UTC)
    bad = read("schedule: [{at: 2026-06-01T16:00:00}, {at: soon}, {cron: x, at: y}, {when: z}]")
    assert [problem.message.partition(": ")[0] for problem in bad.problems] == [
        f"schedule[{number}]" for number in range(4)
    ]
    assert "is no time with an offset" in bad.problems[0].message


def test_limits_that_are_not_said() -> None:
    alone, queued = read(""), read("queue: slow")
    assert (alone.max_active_runs, alone.overlap_limit) == (1, 1)
    assert (queued.max_active_runs, queued.overlap_limit) == (0, 1)
    forever = read("hist_retention_days: -1\nhist_retention_runs: -1")
    assert (forever.keep_days, forever.keep_runs) == (None, None)


def test_what_is_due_at_one_moment_is_stopped_before_it_is_started() -> None:
    found = read("schedule: {start: '0 9 * * *', restart: '0 9 * * *', stop: '0 9 * * *'}")
    kinds = [slot.kind for slot in found.between(NOON, NOON + timedelta(days=1))]
    assert kinds == [Kind.STOP, Kind.RESTART, Kind.START]


def test_every_mistake_with_its_place() -> None:
    found = read("""schedule:
  start: ["0 9 * * *", "61 * * * *", 5]
  stop: "@reboot"
  begin: "0 9 * * *"
catchup_window: soon
""")
    assert [(problem.line, problem.column) for problem in found.problems] == [
        (2, 24),
        (2, 38),
        (3, 9),
        (4, 10),
        (5, 17),
    ]
    texts = [problem.message for problem in found.problems]
    assert texts[0] == "schedule.start[1]: '61 * * * *' is no cron expression: bad minute"
    assert (
        texts[1] == "schedule.start[2]: must be a cron expression, or a mapping with the one key cron or at"
    )
    assert texts[2].startswith("schedule.stop: '@reboot': there is no @reboot (there are @yearly")
    assert texts[3] == "schedule.begin: has no place here; there are start, stop and restart"
    assert texts[4] == "catchup_window: 'soon' is no span of time; write 6h or 2d12h"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("2H", 7200), ("1w", 604800), ("0", 0), ("1d6h", 108000), ("''", 0)],
)
def test_spans(text: str, seconds: int) -> None:
    assert read(f"catchup_window: {text}").catchup_window == timedelta(seconds=seconds)
