"""What the planner decides: a clock of its own, no process and no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagu.service.planner import MOST_MISSED, Planned, Planner
from dagu.service.schedule import Kind, Schedule, read_schedule
from dagu.workflow.load import load_text

START = datetime(2026, 6, 1, 10, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOURLY = "schedule: '0 * * * *'\n"


def schedule(text: str) -> Schedule:
    found = read_schedule(load_text(f"{text}\nsteps: [{{run: x}}]", name="w"), UTC)
    assert not found.problems
    return found


class World:
    """One workflow, its planner, the time, and how many of its runs have not ended."""

    def __init__(self, text: str, *, marks: dict[str, datetime] | None = None, now: datetime = START) -> None:
        self.now = now
        self.runs = 0
        self.notices: list[str] = []
        self.successes: list[datetime] = []
        self.planned = Planned(name="w", schedule=schedule(text))
        self.planner = Planner(marks or {}, succeeded=self._succeeded, notice=self.notices.append)
        self.planner.see([self.planned], now)

    def _succeeded(self, name: str, since: datetime, until: datetime) -> bool:
        return any(since < at < until for at in self.successes)

    def at(self, clock: str, *, runs: int | None = None) -> list[str]:
        """Go on to a time of the day, and do what is due; a start makes a run."""
        hour, minute, *second = (int(part) for part in clock.split(":"))
        self.now = self.now.replace(hour=hour, minute=minute, second=second[0] if second else 0)
        if runs is not None:
            self.runs = runs
        return self.do()

    def do(self) -> list[str]:
        found = self.planner.actions(self.now, {"w": self.runs})
        self.runs += sum(action.slot.kind is Kind.START for action in found)
        return [
            f"{'missed ' if action.missed else ''}{action.slot.kind} {action.slot.at:%H:%M}"
            for action in found
        ]

    def restarted(self, clock: str) -> World:
        """Another planner, which knows the marks of this one only."""
        hour, minute = (int(part) for part in clock.split(":"))
        other = World(HOURLY, now=self.now.replace(hour=hour, minute=minute, second=0))
        other.planned = self.planned
        other.planner = Planner(self.planner.marks(), succeeded=other._succeeded, notice=other.notices.append)
        other.planner.see([self.planned], other.now)
        return other


def test_what_is_due_starts_once() -> None:
    world = World(HOURLY)
    assert world.planner.next() == datetime(2026, 6, 1, 11, tzinfo=UTC)
    assert world.do() == []
    assert world.at("10:59:59") == []
    assert world.at("11:00") == ["start 11:00"]
    assert world.at("11:00:01", runs=0) == []
    assert world.at("12:00:20") == ["start 12:00"]
    assert world.planner.next() == datetime(2026, 6, 1, 13, tzinfo=UTC)


def test_several_schedules_that_meet_start_once() -> None:
    world = World("schedule: ['0 * * * *', '0,30 11 * * *']\n")
    assert world.at("11:00") == ["start 11:00"]
    assert world.at("11:30", runs=0) == ["start 11:30"]


class TestOverlap:
    def test_skip_is_the_default(self) -> None:
        world = World(HOURLY)
        assert world.at("11:00", runs=1) == []
        assert "2026-06-01T11:00:00Z is left out" in world.notices[0]
        assert world.at("11:10", runs=0) == []
        assert world.at("12:00") == ["start 12:00"]

    def test_latest_keeps_the_newest_start_waiting(self) -> None:
        world = World("schedule: '*/10 * * * *'\noverlap_policy: latest\n")
        assert world.at("10:10", runs=1) == []
        assert world.at("10:20") == []
        assert world.at("10:30") == []
        assert world.at("10:35", runs=0) == ["start 10:30"]
        assert len(world.notices) == 2
        assert world.at("10:36", runs=0) == []

    @pytest.mark.parametrize("policy", ["all", "queue"])
    def test_all_keeps_every_start_in_order(self, policy: str) -> None:
        world = World(f"schedule: '*/10 * * * *'\noverlap_policy: {policy}\n")
        for clock in ("10:10", "10:20", "10:30"):
            assert world.at(clock, runs=1) == []
        assert world.at("10:35", runs=0) == ["start 10:10"]
        assert world.at("10:36") == []
        assert world.at("10:37", runs=0) == ["start 10:20"]
        assert world.at("10:38", runs=0) == ["start 10:30"]
        assert world.at("10:39", runs=0) == []
        assert world.notices == []

    def test_more_than_one_run_may_be_allowed(self) -> None:
        world = World("schedule: '*/10 * * * *'\nmax_active_runs: 2\n")
        assert world.at("10:10", runs=1) == ["start 10:10"]
        assert world.at("10:20", runs=2) == []
        world = World("schedule: '*/10 * * * *'\nmax_active_runs: 2\noverlap_policy: all\n")
        for clock in ("10:10", "10:20", "10:30"):
            assert world.at(clock, runs=2) == []
        assert world.at("10:31", runs=0) == ["start 10:10", "start 10:20"]

    @pytest.mark.parametrize("number", [-1, 0])
    def test_without_a_limit_nothing_overlaps(self, number: int) -> None:
        world = World(f"{HOURLY}max_active_runs: {number}\n")
        assert world.at("11:00", runs=7) == ["start 11:00"]


class TestCatchUp:
    def test_without_a_window_what_was_missed_is_forgotten(self) -> None:
        world = World(HOURLY)
        assert world.at("11:00") == ["start 11:00"]
        later = world.restarted("15:30")
        assert later.do() == []
        assert later.at("16:00") == ["start 16:00"]

    def test_a_short_break_loses_nothing(self) -> None:
        world = World(HOURLY)
        world.at("10:59:50")
        assert world.restarted("11:01").do() == ["start 11:00"]

    def test_with_a_window_it_is_done_one_after_the_other(self) -> None:
        world = World(f"{HOURLY}catchup_window: 2h30m\n")
        world.at("11:00")
        later = world.restarted("15:10")
        assert later.do() == ["missed start 13:00"]
        assert later.do() == []
        assert later.at("15:20", runs=0) == ["missed start 14:00"]
        assert later.at("15:30", runs=0) == ["missed start 15:00"]
        assert later.at("15:40", runs=0) == []
        assert later.at("16:00") == ["start 16:00"]

    def test_latest_catches_up_with_the_newest_only(self) -> None:
        world = World(f"{HOURLY}catchup_window: 1d\noverlap_policy: latest\n")
        world.at("11:00")
        later = world.restarted("15:10")
        assert later.do() == ["missed start 15:00"]
        assert later.at("15:11", runs=0) == []

    def test_what_still_waits_survives_another_restart(self) -> None:
        world = World(f"{HOURLY}catchup_window: 1d\n")
        world.at("11:00")
        later = world.restarted("14:10")
        assert later.do() == ["missed start 12:00"]
        again = later.restarted("14:20")
        assert again.do() == ["missed start 13:00"]
        assert again.at("14:30", runs=0) == ["missed start 14:00"]

    def test_a_new_workflow_has_missed_nothing(self) -> None:
        world = World(f"{HOURLY}catchup_window: 1d\n", marks={"other": START - timedelta(days=1)})
        assert world.do() == []

    def test_a_sleeping_machine_misses_too(self) -> None:
        world = World(f"{HOURLY}catchup_window: 2h\n")
        assert world.at("13:30") == ["missed start 12:00"]
        assert world.at("13:31", runs=0) == ["missed start 13:00"]

    def test_there_is_a_most(self) -> None:
        world = World("schedule: '* * * * *'\ncatchup_window: 52w\noverlap_policy: all\n")
        world.at("10:01", runs=1)
        world.now += timedelta(days=2)
        assert world.do() == []
        assert "are left out" in world.notices[-1]
        oldest = world.now.replace(second=0) - (MOST_MISSED - 1) * MINUTE
        world.runs = 0
        assert world.do() == [f"missed start {oldest:%H:%M}"]


class TestStopAndRestart:
    TEXT = "schedule: {start: '0 8-12 * * *', stop: '30 11 * * *', restart: '15 11 * * *'}\n"

    def test_stop_and_restart(self) -> None:
        world = World(f"{self.TEXT}restart_wait_sec: 120\n")
        assert world.at("11:00") == ["start 11:00"]
        assert world.at("11:15") == ["restart 11:15"]
        assert world.at("11:16") == []
        assert world.at("11:17", runs=0) == []
        assert world.planner.next() == world.now + 2 * MINUTE
        assert world.at("11:18") == []
        assert world.at("11:19") == ["start 11:15"]
        assert world.at("11:30") == ["stop 11:30"]
        assert world.at("12:00", runs=0) == ["start 12:00"]

    def test_a_restart_starts_what_does_not_run(self) -> None:
        world = World(self.TEXT)
        assert world.at("11:15") == ["restart 11:15", "start 11:15"]

    def test_a_stop_forgets_what_waits(self) -> None:
        world = World(f"{self.TEXT}overlap_policy: all\n")
        assert world.at("11:00", runs=1) == []
        assert world.at("11:15") == ["restart 11:15"]
        assert world.at("11:30") == ["stop 11:30"]
        assert world.at("11:31", runs=0) == []

    def test_what_was_to_be_stopped_in_a_break_is_not_stopped_later(self) -> None:
        world = World(f"{self.TEXT}catchup_window: 1d\n")
        world.at("10:50", runs=1)
        later = world.restarted("11:50")
        later.runs = 1
        assert later.do() == []
        assert later.at("11:55", runs=0) == ["missed start 11:00"]


class TestSkipIfSuccessful:
    def test_a_success_since_the_start_before_does(self) -> None:
        world = World(f"{HOURLY}skip_if_successful: true\n")
        assert world.at("11:00") == ["start 11:00"]
        world.successes.append(world.now + 10 * MINUTE)
        assert world.at("12:00", runs=0) == []
        assert "succeeded already" in world.notices[0]
        assert world.at("13:00") == ["start 13:00"]

    def test_it_is_an_option(self) -> None:
        world = World(HOURLY)
        world.successes.append(world.now + 10 * MINUTE)
        assert world.at("11:00") == ["start 11:00"]


class TestChanges:
    def test_suspended_is_left_alone_and_has_missed_nothing(self) -> None:
        world = World(f"{HOURLY}catchup_window: 1d\noverlap_policy: all\n")
        assert world.at("11:00", runs=1) == []
        world.planner.see([Planned(name="w", schedule=world.planned.schedule, suspended=True)], world.now)
        assert world.planner.next() is None
        assert world.at("12:00", runs=0) == []
        world.now += 20 * MINUTE
        world.planner.see([world.planned], world.now)
        assert world.do() == []
        assert world.restarted("12:50").do() == []
        assert world.at("13:00") == ["start 13:00"]

    def test_another_schedule_counts_from_now_on(self) -> None:
        world = World(f"{HOURLY}catchup_window: 1d\n")
        world.at("11:00")
        world.at("11:40", runs=0)
        changed = schedule("schedule: '*/10 * * * *'\ncatchup_window: 1d\n")
        world.planner.see([Planned(name="w", schedule=changed)], world.now)
        assert world.do() == []
        assert world.at("11:50") == ["start 11:50"]

    def test_another_policy_keeps_what_waits(self) -> None:
        world = World(f"{HOURLY}overlap_policy: all\n")
        world.at("11:00", runs=1)
        changed = schedule(f"{HOURLY}overlap_policy: all\nrestart_wait_sec: 5\n")
        world.planner.see([Planned(name="w", schedule=changed)], world.now)
        assert world.at("11:01", runs=0) == ["start 11:00"]

    def test_a_workflow_that_is_gone_does_nothing(self) -> None:
        world = World(HOURLY)
        world.planner.see([], world.now)
        assert world.planner.next() is None
        assert world.at("11:00") == []
        assert world.planner.marks() == {}


@settings(max_examples=80, deadline=None)
@given(data=st.data(), policy=st.sampled_from(["skip", "latest", "all"]), window=st.sampled_from(["", "3h"]))
def test_nothing_is_done_twice(data: Any, policy: str, window: str) -> None:
    """Whatever the scheduler goes through, a start is done at most once; with a wide window, all of them are."""
    text = f"schedule: '*/15 * * * *'\noverlap_policy: {policy}\n" + (
        f"catchup_window: {window}\n" if window else ""
    )
    world = World(text)
    planner = world.planner
    now, done = START, []
    for _ in range(data.draw(st.integers(5, 40))):
        now += timedelta(seconds=data.draw(st.integers(1, 1500)))
        event = data.draw(st.sampled_from(["work", "busy", "restart"]))
        if event == "restart":
            planner = Planner(planner.marks())
            planner.see([world.planned], now)
        runs = 1 if event == "busy" else 0
        for action in planner.actions(now, {"w": runs}):
            assert action.slot.at <= now
            done.append(action.slot.at)
    assert len(done) == len(set(done))
    if policy == "all" and window:
        while found := planner.actions(now, {"w": 0}):
            done += [action.slot.at for action in found]
        slots = world.planned.schedule.between(START, now)
        assert sorted(done) == [slot.at for slot in slots]
        assert done == sorted(done)
