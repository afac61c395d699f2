"""What goes wrong, as HTTP says it: one table of kinds, and which of upres's errors is which of them.

A problem travels as `application/problem+json` (RFC 9457). Its detail is the line that the command would print.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from upres.errors import ConfigError, FailedError, InputError, MissingExtraError, UpresError

KINDS: Mapping[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be understood"),
    "unauthorised": (401, "The token is missing or wrong"),
    "foreign-host": (403, "The request was sent to a name that this service does not go by"),
    "foreign-origin": (403, "The request comes from a page of another host"),
    "not-found": (404, "There is nothing here"),
    "method-not-allowed": (405, "This cannot be done here"),
    "slow-body": (408, "The body did not arrive in time"),
    "not-ready-yet": (409, "The job has no result yet"),
    "length-required": (411, "The request has no body"),
    "body-too-large": (413, "The body is too large"),
    "picture-too-large": (413, "The picture is too large"),
    "result-too-large": (413, "The result would be too large"),
    "too-much-memory": (413, "The picture needs more memory than is allowed"),
    "not-a-picture": (415, "This is no picture of a kind that is read here"),
    "unusable": (422, "What was asked for cannot be done"),
    "queue-full": (429, "Too many requests wait already"),
    "failed": (500, "The work could not be done right"),
    "crashed": (500, "The process that worked on this picture ended"),
    "out-of-memory": (503, "The memory does not suffice just now"),
    "no-room": (503, "The disk does not suffice just now"),
    "not-ready": (503, "The service is not ready"),
    "stopping": (503, "The service is being stopped"),
    "too-slow": (504, "The work took too long"),
    "cancelled": (499, "The work was cancelled"),
}
"""Kind → HTTP status and title. The last is told to nobody: the client has gone, or has cancelled its job."""

_PREFIX = "urn:upres:problem:"


@dataclass(frozen=True)
class Problem:
    """One thing that went wrong.

    Attributes:
        kind: of `KINDS`.
        detail: the line that says what, where, why and what to do.
        more: further members, such as the limit and what was seen.
        retry_after: seconds after which to try again, or `None`.
    """

    kind: str
    detail: str
    more: Mapping[str, Any] = field(default_factory=dict)
    retry_after: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", one_line(self.detail))

    @property
    def status(self) -> int:
        """The HTTP status."""
        return KINDS[self.kind][0]

    @property
    def title(self) -> str:
        """The kind in words."""
        return KINDS[self.kind][1]

    def members(self) -> dict[str, Any]:
        """Return the members of its JSON object."""
        return {
            "type": f"{_PREFIX}{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }


def one_line(text: str) -> str:
    """Return a text without line ends and other control characters, which a stranger may have sent.

    >>> one_line("scale 2\\n3: is not a number")
    'scale 2\\\\n3: is not a number'
    """
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


class ProblemError(Exception):
    """Raised where a request ends with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def refused(kind: str, detail: str, *, retry_after: int | None = None, **more: Any) -> ProblemError:
    """Return the exception that ends a request with a problem."""
    return ProblemError(Problem(kind, detail, more, retry_after))


def problem_of(error: UpresError) -> Problem:
    """Return one of upres's errors as a problem."""
    more = {"settings": list(error.settings)} if error.settings else {}
    return Problem(_kind(error), str(error), more)


def _kind(error: UpresError) -> str:
    if {"max_pixels", "max_frames"} & set(error.settings):
        return "picture-too-large"
    if isinstance(error, ConfigError) and "max_memory" in error.settings:
        return "too-much-memory"
    if isinstance(error, FailedError) and isinstance(error.__cause__, MemoryError):
        return "out-of-memory"
    return "unusable" if isinstance(error, InputError | MissingExtraError) else "failed"
