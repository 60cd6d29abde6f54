"""What a scheduler has to do, and when next. Pure: it is told the time and how many runs there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from datetime import datetime, timedelta

from dagu.frozen import dataclass
from dagu.service.schedule import Kind, Overlap, Schedule, Slot

LATE = timedelta(minutes=1)
"""How late something may be done and still count as on time: a restart of the scheduler loses nothing."""

MOST_MISSED = 1000
"""How many missed starts of one workflow are caught up, the newest ones."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A workflow as the planner sees it."""

    name: str
    schedule: Schedule
    suspended: bool = False


@dataclass(frozen=True)
class Action:
    """Something to be done now. ``missed`` tells that it was due while no scheduler was there."""

    workflow: str
    slot: Slot
    missed: bool = False


@dataclass
class _Track:
    planned: Planned
    seen: datetime
    waiting: deque[Action] = field(default_factory=deque)
    restart: Slot | None = None
    restart_at: datetime | None = None
    upcoming: Slot | None = None

    def look(self, until: datetime) -> None:
        self.seen = until
        self.upcoming = self.planned.schedule.next(until)

    def forget(self) -> None:
        self.waiting.clear()
        self.restart = self.restart_at = None

    @property
    def mark(self) -> datetime:
        """Up to when everything is done."""
        return self.waiting[0].slot.at - timedelta(microseconds=1) if self.waiting else self.seen


class Planner:
    """Follows the schedules of all workflows.

    Args:
        marks: Up to when each was followed already.
        succeeded: Whether a workflow succeeded by itself between two moments.
        notice: Told what is left out, and why.
    """

    def __init__(
        self,
        marks: Mapping[str, datetime],
        *,
        succeeded: Callable[[str, datetime, datetime], bool] = lambda *_: False,
        notice: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._marks = dict(marks)
        self._succeeded = succeeded
        self._notice = notice
        self._tracks: dict[str, _Track] = {}
        self.moved = False
        """Whether :meth:`marks` are worth keeping again; to be set back by who keeps them."""

    def see(self, workflows: Iterable[Planned], now: datetime) -> None:
        """Take the workflows as they are from now on."""
        before, self._tracks = self._tracks, {}
        for planned in workflows:
            track = before.get(planned.name)
            if track is None:
                # What is new has missed nothing.
                track = _Track(planned, self._marks.pop(planned.name, now))
                track.look(track.seen)
            elif track.planned != planned:
                changed = track.planned.schedule.entries != planned.schedule.entries
                if changed or track.planned.suspended:
                    track.forget()
                    track.seen = now
                track.planned = planned
                track.look(track.seen)
            else:
                self._tracks[planned.name] = track
                continue
            self._tracks[planned.name] = track
            self.moved = True

    def actions(self, now: datetime, active: Mapping[str, int]) -> list[Action]:
        """What is to be done now.

        Args:
            active: How many runs of each workflow have not ended, waiting ones included.
        """
        found: list[Action] = []
        for track in self._tracks.values():
            runs = active.get(track.planned.name, 0)
            if track.planned.suspended:
                track.forget()
                track.seen = now
                continue
            if track.upcoming is not None and track.upcoming.at <= now:
                found += self._come_due(track, now, runs)
                track.look(now)
                self.moved = True
            elif now > track.seen:
                track.seen = now
            found += self._ready(track, now, runs)
        return found

    def next(self) -> datetime | None:
        """When there is something to be done next, if no run ends before."""
        times = [
            at
            for track in self._tracks.values()
            if not track.planned.suspended
            for at in (track.upcoming.at if track.upcoming else None, track.restart_at)
            if at is not None
        ]
        return min(times, default=None)

    def marks(self) -> dict[str, datetime]:
        """Up to when the schedule of each workflow is done, to be given to the next planner."""
        return {name: track.mark for name, track in self._tracks.items() if track.planned.schedule.entries}

    def _come_due(self, track: _Track, now: datetime, runs: int) -> list[Action]:
        schedule, name = track.planned.schedule, track.planned.name
        found: list[Action] = []
        earliest = now - max(schedule.catchup_window, LATE)
        for slot in schedule.between(max(track.seen, earliest - timedelta(microseconds=1)), now):
            missed = now - slot.at > LATE
            if slot.kind is Kind.START:
                self._start(track, Action(name, slot, missed), runs)
            elif not missed:
                track.forget()
                found.append(Action(name, slot))
                if slot.kind is Kind.RESTART:
                    track.restart = slot
        if (extra := len(track.waiting) - MOST_MISSED) > 0:
            self._notice(f"{name}: {extra} of the starts that were missed are left out")
            for _ in range(extra):
                track.waiting.popleft()
        return found

    def _start(self, track: _Track, start: Action, runs: int) -> None:
        schedule, name = track.planned.schedule, track.planned.name
        limit = schedule.overlap_limit
        busy = track.restart is not None or (bool(limit) and runs + len(track.waiting) >= limit)
        if schedule.overlap is Overlap.SKIP and not start.missed and busy:
            self._notice(f"{name}: the start of {_shown(start)} is left out, since a run has not ended")
            return
        if schedule.overlap is Overlap.LATEST and track.waiting:
            left_out = track.waiting.pop()
            self._notice(f"{name}: the start of {_shown(left_out)} is left out for a later one")
        track.waiting.append(start)

    def _ready(self, track: _Track, now: datetime, runs: int) -> list[Action]:
        schedule, name = track.planned.schedule, track.planned.name
        if track.restart is not None:
            return self._restarted(track, now, runs)
        found: list[Action] = []
        while track.waiting and (not schedule.overlap_limit or runs + len(found) < schedule.overlap_limit):
            start = track.waiting.popleft()
            self.moved = True
            at = start.slot.at
            before = schedule.start_before(at) if schedule.skip_if_successful else None
            if before is not None and self._succeeded(name, before, at):
                self._notice(f"{name}: the start of {_shown(start)} is left out, since it succeeded already")
                continue
            found.append(start)
        return found

    def _restarted(self, track: _Track, now: datetime, runs: int) -> list[Action]:
        assert track.restart is not None
        if runs:
            track.restart_at = None
            return []
        if track.restart_at is None:
            track.restart_at = now + timedelta(seconds=track.planned.schedule.restart_wait)
        if now < track.restart_at:
            return []
        start = Action(track.planned.name, Slot(track.restart.at, Kind.START))
        track.restart = track.restart_at = None
        return [start]


def _shown(action: Action) -> str:
    return action.slot.at.strftime("%Y-%m-%dT%H:%M:%SZ")
