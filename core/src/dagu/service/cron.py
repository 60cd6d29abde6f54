"""Cron expressions: when they come due, in their time zone, as instants.

Daylight saving time is as Debian's cron has it: what is due at fixed hours and falls into the hour that a spring
skips is due right after it, and what falls into the hour that an autumn repeats is due once, the first time. What is
due every hour or more often goes by the time that really passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim, CronSimError

from dagu.errors import UsageError
from dagu.frozen import dataclass
from dagu.service.zones import zone

_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ZONE = re.compile(r"(?:CRON_TZ|TZ)=(\S+)\s+")
_SOME_TIME = datetime(2024, 1, 1, tzinfo=UTC)
_CLOCKS = timedelta(hours=4)
"""More than clocks are ever set by."""


@dataclass(frozen=True)
class Cron:
    """When something is due. ``text`` is as written, ``fields`` what it stands for."""

    text: str
    fields: str
    zone: tzinfo

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Every instant after a moment, in order, in UTC; ends if there is none in fifty years."""
        last = moment
        for found in CronSim(self.fields, moment.astimezone(self.zone)):
            instant = found.astimezone(UTC)
            # Where a clock is set, two times of the day may be one instant, or lie before where we begin.
            if instant > last:
                last = instant
                yield instant

    def before(self, moment: datetime) -> datetime | None:
        """The last instant before a moment, in UTC; None if there is none in fifty years."""
        # Forwards, so that both ways tell the same where a clock is set.
        for start in CronSim(self.fields, moment.astimezone(self.zone) - _CLOCKS, reverse=True):
            found = None
            for instant in self.after(start.astimezone(UTC) - timedelta(seconds=1)):
                if instant >= moment:
                    break
                found = instant
            if found is not None:
                return found
        return None


@dataclass(frozen=True)
class Once:
    """Something that is due a single time. ``text`` is as written."""

    text: str
    at: datetime

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The instant, if it is after a moment."""
        if self.at > moment:
            yield self.at

    def before(self, moment: datetime) -> datetime | None:
        """The instant, if it is before a moment."""
        return self.at if self.at < moment else None


def parse_once(text: str) -> Once:
    """A time with its offset, as RFC 3339 has it.

    Raises:
        UsageError: It is none.
    """
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        at = datetime.min
    if at.tzinfo is None:
        raise UsageError(f"{text!r} is no time with an offset", hint="write it like 2031-04-05T06:07:08Z")
    return Once(text, at.astimezone(UTC))


def parse_cron(text: str, default: tzinfo) -> Cron:
    """A cron expression of five fields, or ``@daily`` and the like; ``CRON_TZ=Europe/Paris`` may stand before it.

    Args:
        default: The time zone of an expression that names none.

    Raises:
        UsageError: It is none.
    """
    fields = text.strip()
    named = _ZONE.match(fields)
    if named:
        default = zone(named[1])
        fields = fields[named.end() :].strip()
    if fields.startswith("@"):
        if fields.lower() not in _NAMED:
            raise UsageError(f"{text!r}: there is no {fields}", hint=f"there are {', '.join(_NAMED)}")
        return Cron(text, _NAMED[fields.lower()], default)
    parts = fields.split()
    if len(parts) != 5:
        raise UsageError(
            f"{text!r} is no cron expression: it has {len(parts)} fields, not 5",
            hint="minute, hour, day of month, month, day of week",
        )
    for place in (2, 4):
        parts[place] = "*" if parts[place] == "?" else parts[place]
    cron = Cron(text, " ".join(parts), default)
    try:
        if next(cron.after(_SOME_TIME), None) is None:
            raise UsageError(f"{text!r} never comes due")
    except CronSimError as error:
        raise UsageError(f"{text!r} is no cron expression: {str(error).lower()}") from None
    return cron
