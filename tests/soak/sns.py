"""An SNS that takes notices, or fails as it is told to."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.models.sns import FakeSns, Request, is_plain, told_in
from tests.soak.edge import Edge, refused
from tests.soak.judge import Judge

INVALID, BROKEN = "InvalidParameter", "InternalError"
"""How SNS refuses notices with a certain task in them, for ever: by saying why, or by failing."""


class Sns:
    """The client that the notifier publishes with; ``judge`` is told of each notice that SNS took.

    ``poisoned`` are tasks whose full notice SNS does not take, each with the error that it answers.
    """

    def __init__(self, edge: Edge, judge: Judge) -> None:
        self._edge, self._judge = edge, judge
        self._sns = FakeSns()
        self._sns.error = self._poison
        self.poisoned: dict[str, str] = {}
        self.down = False

    @property
    def accepted(self) -> list[Request]:
        return self._sns.accepted

    def publish(self, **request: Any) -> Any:
        def reach() -> Any:
            answer = self._sns.publish(**request)
            self._judge.say(str(request))
            self._judge.taken(told_in(request))
            return answer

        return self._edge.perform("SNS", reach, {"refused as invalid": partial(_refuse, INVALID)})

    def _poison(self, request: Request) -> str | None:
        if self.down:
            return BROKEN
        poison = (self.poisoned[task] for task, _ in told_in(request) if task in self.poisoned)
        return None if is_plain(request) else next(poison, None)


def _refuse(code: str) -> Any:
    raise refused(code)
