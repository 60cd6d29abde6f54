"""The agent program: ``word-count-agent [--json] [--longest] < PROMPT``."""

from __future__ import annotations

import argparse
import json
import sys


def main() -> None:
    """Count the words on standard input."""
    parser = argparse.ArgumentParser(prog="word-count-agent", description=main.__doc__)
    parser.add_argument("--json", action="store_true", help="print events, one JSON object a line")
    parser.add_argument("--longest", action="store_true", help="name the longest word, too")
    given = parser.parse_args()
    words = sys.stdin.buffer.read().decode(errors="replace").split()
    answer = f"{len(words)} words"
    if given.longest and words:
        answer += f", the longest is {max(words, key=len)}"
    if given.json:
        _write({"type": "read", "words": len(words)})
        _write({"type": "answer", "text": answer})
    else:
        sys.stdout.write(answer + "\n")


def _write(event: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()
