"""Brings up container engines for tests and for newcomers; ``python3 tools/engines --help`` says how.

Tests import the parts: put ``tools`` on ``sys.path``, then ``from engines import images``.
"""


class EngineError(Exception):
    """Something could not be set up; the message says what happened and what to do next."""
