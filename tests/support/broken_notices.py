"""Notices that cannot be composed, or that SNS refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from task_reporter.history.rows import Row
from task_reporter.notifying import compose as notices
from task_reporter.notifying import digest as digests
from task_reporter.notifying import task_notice as single
from task_reporter.notifying.notice import Notice
from tests.support.finished import key
from tests.support.sns import Request, is_plain, told_in


def numbers_in(request: Request) -> list[int]:
    """Return the numbers of the tasks in a notice."""
    return [int(task_id.removeprefix("bun-"), 16) for task_id, _ in told_in(request)]


def unless_plain(code: str | Exception, *numbers: int) -> Any:
    """Return an SNS failure for each full notice about one of ``numbers``."""
    return lambda request: None if is_plain(request) or not {*numbers} & {*numbers_in(request)} else code


def break_composing(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    """Let composing the notices of some tasks fail."""
    broken = {key(number).task_id for number in numbers}
    composed, digested = single.task_notice, digests.digest_notices

    def one(told: Row) -> Notice:
        if told["task_id"] in broken:
            raise ZeroDivisionError("a bug")
        return composed(told)

    def many(told: Sequence[Row]) -> list[Notice]:
        if broken & {row["task_id"] for row in told}:
            raise ZeroDivisionError("a bug")
        return digested(told)

    monkeypatch.setattr(single, "task_notice", one)
    monkeypatch.setattr(notices, "task_notice", one)
    monkeypatch.setattr(notices, "digest_notices", many)
