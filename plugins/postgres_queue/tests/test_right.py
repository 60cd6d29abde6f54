"""How a server is called in the name of its session."""

from __future__ import annotations

from dagu_postgres_queue.right import _session_name


def test_a_long_home_is_told_by_its_end() -> None:
    start = "dagu server 0a1b2c3d web-1:"
    assert _session_name(start, "/var/lib/dagu") == "dagu server 0a1b2c3d web-1:/var/lib/dagu"
    long = _session_name(start, "/srv/" + "x" * 60 + "/dagu")
    assert len(long) == 63
    assert long.startswith("dagu server 0a1b2c3d web-1:...x")
    assert long.endswith("x/dagu")
