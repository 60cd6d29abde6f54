"""Errors as answers: problem details (RFC 9457) for programs, a page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from dagu.errors import (
    DaguError,
    PluginError,
    PolicyRefused,
    RunNotFound,
    RuntimeFailure,
    TaskInvalid,
    UsageError,
    WorkflowInvalid,
)

MEDIA_TYPE = "application/problem+json"
_STATUSES: tuple[tuple[type[DaguError], int], ...] = (
    (RunNotFound, 404),
    (WorkflowInvalid, 422),
    (UsageError, 422),
    (TaskInvalid, 422),
    (PolicyRefused, 403),
    (RuntimeFailure, 502),
    (PluginError, 502),
    (DaguError, 503),
)


class Problem(Exception):
    """An answer other than success.

    Args:
        detail: What went wrong, for a user.
        mistakes: ``line``, ``column`` and ``message`` of each.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        hint: str = "",
        mistakes: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.mistakes = [dict(mistake) for mistake in mistakes]
        self.headers = dict(headers or {})

    @classmethod
    def of(cls, error: DaguError, *, usage: int = 422) -> Problem:
        """The answer that an error of core means. ``usage`` is the status of a name or argument that does not fit."""
        status = next(status for kind, status in _STATUSES if isinstance(error, kind))
        if type(error) is UsageError:
            status = usage
        mistakes = [asdict(found) for found in error.problems] if isinstance(error, WorkflowInvalid) else ()
        return cls(status, error.message, hint=error.hint, mistakes=mistakes)

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase

    def as_json(self) -> dict[str, Any]:
        """Problem details."""
        body: dict[str, Any] = {"title": self.title, "status": self.status, "detail": self.detail}
        if self.hint:
            body["hint"] = self.hint
        if self.mistakes:
            body["mistakes"] = self.mistakes
        return body

    def response(self) -> JSONResponse:
        """The answer to a program."""
        return JSONResponse(
            self.as_json(), status_code=self.status, media_type=MEDIA_TYPE, headers=self.headers
        )
