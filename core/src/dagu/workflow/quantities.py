"""Sizes, durations and CPU counts as people write them. Every parser raises ValueError with the reason."""

from __future__ import annotations

import re

_SIZE = r"(?i)([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*([bkmgtp]?)(i?b?)"
_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}
_DURATION = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d)"
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_CPUS = r"([0-9]{1,6}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})(m?)"


def parse_size(value: int | float | str) -> int:
    """Bytes of a size: a number, or text like ``512m``, ``1.5GiB``, ``64Mi``. Units are powers of 1024.

    Raises:
        ValueError: It is no size, or not above zero.
    """
    if isinstance(value, str):
        match = re.fullmatch(_SIZE, value.strip()) if len(value) <= 40 else None
        if match is None:
            raise ValueError(f"{value!r} is not a size; write it like 512m or 2g")
        number, unit, suffix = match.groups()
        if suffix.lower().startswith("i") and not unit:
            raise ValueError(f"{value!r} is not a size; write it like 512m or 2g")
        size = float(number) * _UNITS[unit.lower()]
    else:
        size = value
    if not 1 <= size < 2**63:
        raise ValueError(f"{value!r} is not a size above zero")
    return int(size)


def parse_duration(value: int | float | str) -> float:
    """Seconds of a duration: a number of seconds, or text like ``30s``, ``1m30s``, ``500ms``.

    Raises:
        ValueError: It is no duration, or negative.
    """
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
            return float(text)
        parts = re.findall(_DURATION, text) if len(text) <= 60 else []
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(f"{value!r} is not a duration; write it like 30s or 1m30s")
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not 0 <= value < 1e12:
        raise ValueError(f"{value!r} is not a duration; write it like 30s or 1m30s")
    return float(value)


def parse_cpus(value: int | float | str) -> float:
    """A number of CPUs, may be fractional: ``1.5``, or thousandths as in ``500m``.

    Raises:
        ValueError: It is no number, or not above zero.
    """
    if isinstance(value, str):
        match = re.fullmatch(_CPUS, value.strip())
        if match is None:
            raise ValueError(f"{value!r} is not a number of CPUs; write it like 1.5 or 500m")
        cpus = float(match[1]) / (1000 if match[2] else 1)
    else:
        cpus = float(value)
    if not 0 < cpus <= 1e6:
        raise ValueError(f"{value!r} is not a number of CPUs above zero")
    return cpus
