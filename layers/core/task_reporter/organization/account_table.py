"""The history, as far as the recorder may write it for one account."""

from collections.abc import Sequence

from task_reporter.errors import ForeignAccountError
from task_reporter.history.table import ApplyResult, HistoryTable
from task_reporter.history.writes import Write
from task_reporter.organization.members import member_key
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline


class AccountTable(HistoryTable):
    """A history table that takes only writes of one account."""

    def __init__(self, history: HistoryTable, account: str) -> None:
        super().__init__(history.client, history.table, history.pause)
        self._account = account

    def apply(self, writes: Sequence[Write], deadline: Deadline = NO_DEADLINE) -> ApplyResult:
        """Apply ``writes`` as `HistoryTable.apply` does.

        Raises ForeignAccountError, before anything is written, where a row belongs to another account.
        """
        check_account(writes, self._account)
        return super().apply(writes, deadline)


def check_account(writes: Sequence[Write], account: str) -> None:
    """Raise ForeignAccountError unless all ``writes`` are to rows of ``account``.

    These are the rows of its tasks, and its row in the roster.
    """
    for write in writes:
        owner, slash, region = write.key.scope.partition("/")
        if write.key != member_key(account) and not (owner == account and slash and region):
            raise ForeignAccountError(account)
