"""Time zones by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dagu.errors import UsageError

_LOCALTIME = "/etc/localtime"


def zone(name: str, *, said_by: str = "") -> tzinfo:
    """The time zone of a name like ``Europe/Paris``.

    Args:
        said_by: Who names it, for the message.

    Raises:
        UsageError: There is none.
    """
    if name in ("UTC", "utc", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        what = f"{said_by}: " if said_by else ""
        raise UsageError(
            f"{what}there is no time zone {name!r}", hint="write it like Europe/Paris, or UTC"
        ) from error


def local_zone(environ: Mapping[str, str]) -> tzinfo:
    """The zone of this machine: ``TZ``, else that of ``/etc/localtime``, else UTC."""
    name = environ.get("TZ", "").removeprefix(":")
    if name:
        return zone(name, said_by="TZ")
    _, found, rest = os.path.realpath(_LOCALTIME).partition("/zoneinfo/")
    return zone(rest, said_by=_LOCALTIME) if found else UTC
