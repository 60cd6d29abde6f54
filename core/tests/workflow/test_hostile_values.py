"""The small languages inside ``container:`` refuse what they don't know with a ValueError, whatever it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagu.workflow import container_values as values
from dagu.workflow.quantities import parse_cpus, parse_duration, parse_size

PARTS = st.sampled_from(
    [
        *(
            ":",
            "::",
            "/",
            "//",
            "..",
            ".",
            "~",
            "-",
            "_",
            ",",
            "=",
            "@",
            "@sha256:",
            "[",
            "]",
            "::1",
            "*",
            " ",
            "\t",
        ),
        *("\n", "\0", "\u2028", "\ud800", "é", "😀", "a" * 300, "9" * 5000, "1e999", "nan", "-1", "0x1"),
        *(
            "a",
            "A",
            "80",
            "ro",
            "rw",
            "size=1m",
            "mode=1777",
            "/a",
            "./a",
            "alpine",
            "ghcr.io",
            "localhost:5000",
        ),
        *("1h1m", "inf", "ms", "Ki", "tcp", "/udp", "re:", "${x}", "$(x)", "(a+)+" * 20),
    ]
)
TEXTS = st.lists(PARTS, max_size=8).map("".join) | st.text(max_size=50)
NUMBERS = st.integers() | st.floats()
PARSERS = [
    *(values.parse_volume, values.parse_tmpfs, values.parse_port, values.parse_image, values.parse_platform),
    *(values.parse_container_name, values.parse_user, values.parse_network, values.parse_allowed_host),
    *(values.parse_extra_host, values.parse_dns, values.parse_device, values.parse_capability),
    *(values.parse_security_option, values.parse_gpus, values.parse_mode, values.parse_pull_policy),
    *(parse_size, parse_duration, parse_cpus),
]
OF_NUMBERS = [values.parse_port, values.parse_gpus, values.parse_mode, parse_size, parse_duration, parse_cpus]


def refused_or_read(parse: Callable[..., object], value: object) -> None:
    with contextlib.suppress(ValueError):
        parse(value)


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@settings(max_examples=400, deadline=None, derandomize=True)
@given(text=TEXTS)
def test_any_text(parse: Callable[..., object], text: str) -> None:
    refused_or_read(parse, text)


@pytest.mark.parametrize("parse", OF_NUMBERS, ids=lambda parse: parse.__name__)
@settings(max_examples=200, deadline=None, derandomize=True)
@given(number=NUMBERS)
def test_any_number(parse: Callable[..., object], number: float) -> None:
    refused_or_read(parse, number)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.sampled_from(["type", "source", "target", "read_only", "size", "mode", "x"]),
        TEXTS | NUMBERS | st.booleans() | st.none() | st.sampled_from(["bind", "volume", "tmpfs", "/t"]),
    )
)
def test_any_long_volume(entry: dict[str, object]) -> None:
    refused_or_read(values.volume_from_mapping, entry)
