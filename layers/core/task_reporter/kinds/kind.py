"""The description of one of EC2's task lists, as data and small functions."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from task_reporter.history.rows import COMMON_ATTRIBUTES, Row

COMPLETE, FAILED, CANCELLED, LOST = "complete", "failed", "cancelled", "lost"
OUTCOMES = (COMPLETE, FAILED, CANCELLED, LOST)


@dataclass(frozen=True, slots=True)
class NextStep:
    """A command of the aws CLI to run after a task has ended."""

    name: str
    """One word, which names the command in notices: ``<name>_command``."""
    text: str
    """The words that introduce the command, before a colon."""
    heading: str
    """The same in the heading of a digest: ``with the command that …``."""
    arguments: tuple[str, ...]
    """Words after ``aws``, not quoted: service, operation, options.

    The region is added where the words are quoted.
    """


@dataclass(frozen=True, slots=True)
class Registration:
    """Parameters of a request that makes an AMI from a task's result."""

    parameters: Mapping[str, Any]
    """Parameters of RegisterImage, besides the name."""
    filters: Mapping[str, str]
    """Filters of DescribeImages that find an AMI of the same source."""


def failed(_row: Row) -> str | None:
    """Return the outcome of a task whose state alone says that it failed."""
    return FAILED


def find_object(bucket: str, key: str) -> tuple[str, ...]:
    """Return the arguments of a check that fails without the object in S3."""
    return ("s3api", "head-object", "--bucket", bucket, "--key", key)


def no_next_steps(_row: Row) -> Iterable[NextStep]:
    """Suggest nothing."""
    return ()


def no_warning(_row: Row) -> str | None:
    """Return None: nothing is urgent."""
    return None


def no_registration(_row: Row) -> Registration | None:
    """Return None, because no AMI can be made from the result."""
    return None


@dataclass(frozen=True, slots=True)
class Kind:
    """One of EC2's task lists, with everything that the reporter knows about it."""

    name: str
    operation: str
    """The EC2 operation that lists the tasks, as botocore's service model spells it."""
    projection: str
    """JMESPath from the operation's answer to rows.

    It is an allow-list: an attribute that it does not name is never stored. It gives null where the answer does not
    hold the list at all, which is a malformed answer.
    """
    endings: Mapping[str, str]
    """State → outcome, for the states in which a task has ended.

    ``failure`` decides further about failed tasks.
    """
    failure: Callable[[Row], str | None] = failed
    """Returns ``failed`` or ``cancelled`` for a task in a failed state.

    None means that EC2 may still add the reason.
    """
    without_reason: str = FAILED
    """The outcome of a task for which EC2 never adds a reason."""
    listed_for: timedelta = timedelta(0)
    """Time for which EC2 lists ended tasks by its documentation; 0 if undocumented."""
    hourly: bool = False
    """In a member account, ask hourly also while the list is quiet.

    Its tasks are short, or it is not known for how long EC2 lists them.
    """
    supersedes: Callable[[Row, Row], bool] | None = None
    """Tells whether a listed task may have replaced a row's task in the list."""
    cancelling_state: str | None = None
    """State of a task that is being cancelled; no running state follows it."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """The attributes of this kind alone → their labels for people."""
    result: str | None = None
    """The attribute that says where the result of a complete task is."""
    place_label: str = "Destination"
    """Label of bucket and prefix in notices of failed and cancelled tasks."""
    warning: Callable[[Row], str | None] = no_warning
    """Returns a sentence for the beginning of the notice, where something is urgent."""
    next_steps: Callable[[Row], Iterable[NextStep]] = no_next_steps
    """Returns the commands that help with an ended row, the most useful one first."""
    registration: Callable[[Row], Registration | None] = no_registration
    """Returns how to make an AMI from a complete row, or None."""
    examples: Mapping[str, Row] = field(default_factory=dict)
    """Outcome → attributes of an example row for test notices.

    They are a state, a place and an error.
    """

    @property
    def has_start_times(self) -> bool:
        """True if EC2 lists the time of the start."""
        return "started_at:" in self.projection

    @property
    def has_end_times(self) -> bool:
        """True if EC2 lists the time of the end or of the last change."""
        return "updated_at:" in self.projection or "finished_at:" in self.projection

    @property
    def code_in_text(self) -> bool:
        """True if the list has error texts without codes, which may begin with one."""
        return "error_message:" in self.projection and "error_code:" not in self.projection

    def needs_code(self, message: str) -> bool:
        """Tell whether people need the error code beside the error text ``message``."""
        return not (self.code_in_text and message)

    @property
    def public_attributes(self) -> tuple[str, ...]:
        """The attributes of a row that a notice contains."""
        return (*COMMON_ATTRIBUTES, *self.attributes)
