"""Errors of this package, each with the data that a person needs."""

from collections.abc import Mapping, Sequence
from typing import Any

from task_reporter.history.rows import Key


class TaskReporterError(Exception):
    """Base of the errors below.

    Its text contains ids, names and codes, never the payload of a task.
    """


class SettingError(TaskReporterError):
    """Settings of a function are missing or wrong.

    Each problem names a setting and says what it should be.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class MalformedAnswerError(TaskReporterError):
    """A response of AWS lacks the list that the operation promises.

    That is different from an empty list.
    """

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(f"{operation}: malformed answer, {reason}; nothing was changed")
        self.operation = operation


class OutOfTimeError(TaskReporterError):
    """The function's timeout is near. What is written stays, and the next poll continues."""

    def __init__(self, doing: str) -> None:
        super().__init__(f"out of time while {doing}; what is written stays, the next poll goes on")
        self.doing = doing


class AssignmentError(TaskReporterError):
    """A message to the recorder is no assignment."""


class AssignmentsNotSentError(TaskReporterError):
    """SQS did not take some assignments."""

    def __init__(self, failed: Sequence[str], sent: int) -> None:
        more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
        super().__init__(f"{len(failed)} assignments were not sent: {'; '.join(failed[:3])}{more}")
        self.sent = sent


class NoRoleError(TaskReporterError):
    """The role of a member account can't be assumed."""

    def __init__(self, account: str) -> None:
        super().__init__(f"the role of the account {account} can't be assumed")
        self.account = account


class ForeignAccountError(TaskReporterError):
    """A row of another account was to be written. Nothing is written."""

    def __init__(self, account: str) -> None:
        super().__init__(f"a row that does not belong to the account {account} was to be written; please report it")
        self.account = account


class HistoryError(TaskReporterError):
    """Rows could not be written or read.

    ``problems`` maps the key of each such row to a code. ``applied`` is the result for the other writes. ``cause`` is
    the error that failed a whole request, if there was one; it is the ``__cause__`` too.
    """

    def __init__(self, problems: Mapping[Key, str], applied: Any = None, cause: Exception | None = None) -> None:
        named = ", ".join(f"{task_id}: {code}" for (_, task_id), code in sorted(problems.items())[:20])
        more = f" and {len(problems) - 20} more" if len(problems) > 20 else ""
        why = f"; {cause}" if cause else ""
        super().__init__(f"{len(problems)} rows could not be written or read: {named}{more}{why}")
        self.problems = dict(problems)
        self.applied = applied
        self.__cause__ = cause


class PollError(TaskReporterError):
    """A poll did not do all that it should.

    It is raised after everything else is recorded.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" | ".join(problems))
        self.problems = tuple(problems)


class UnreadableRecordError(TaskReporterError):
    """A stream record does not contain the key of a row."""


class IncompleteRowError(TaskReporterError):
    """A row awaits notification but has no outcome, so there is nothing to announce."""


class NotSentError(TaskReporterError):
    """The event bus did not accept an event; ``code`` says why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class NotAnnouncedError(TaskReporterError):
    """A task's notice or event was not accepted, or its mark was not written.

    The task still awaits its notification.
    """
