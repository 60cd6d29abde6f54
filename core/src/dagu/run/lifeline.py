"""The lifeline of a run's process: its standard input, a pipe that ends with whoever started it."""

from __future__ import annotations

VARIABLE = "DAGU_LIFELINE"
"""In the environment of the process; it has no lifeline without."""

STDIN = "stdin"
"""The process ends when the pipe does."""

CONTAINERS = "containers"
"""So do its containers, and also when the process is killed: another machine will take the run up."""
