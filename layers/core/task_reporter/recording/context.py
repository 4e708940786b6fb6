"""The context of one poll: its scope, its time and its limits."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class PollContext:
    """The input of a poll besides the tasks."""

    scope: str
    now: datetime
    retention_days: int = 0
    """0 keeps rows for ever."""
    lost_after: timedelta = timedelta(minutes=15)
    """Time after which a task that good answers still lack is lost."""
    redrive_after: timedelta = timedelta(minutes=10)
    """Time until a row awaiting notification is redriven, and between two redrives."""
    silent_after: timedelta = timedelta(minutes=15)
    """The longest acceptable time between two good polls."""
    announce_history: bool = True
    """Announce tasks that have ended before the first good answer of their list."""
    sends_events: bool = False
    """The notifier sends events, so a row needs a mark for its event too."""
    without_bytecode: str | None = None
    """Runtime that compiled this package at start, for lack of bytecode in the layer."""
    member: bool = False
    """The account is one of an organization, which a hub watches.

    Lists that can't be read are then a state of the account, and redriving is the planner's work.
    """
    account_name: str = ""
    """The name of the account in AWS Organizations; empty if unknown."""
