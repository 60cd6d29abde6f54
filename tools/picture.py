"""Makes an SVG of a terminal's content, for the docs: ``tmux capture-pane -e -p | python tools/picture.py OUT``."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text


def main() -> None:
    """Read a capture with colours from standard input, write the picture."""
    lines = sys.stdin.read().rstrip().splitlines()
    console = Console(record=True, width=88, file=io.StringIO())
    for line in lines:
        console.print(Text.from_ansi(line))
    svg = console.export_svg(title="dagu start review.yaml")
    # The export names fonts on a server of somebody else; the reader's own will do.
    svg = "\n".join(line for line in svg.splitlines() if "url(" not in line or "clip" in line)
    Path(sys.argv[1]).write_text(svg)


if __name__ == "__main__":
    main()
