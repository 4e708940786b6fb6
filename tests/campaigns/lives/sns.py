"""An SNS that takes notices, or fails as it is told to."""

from __future__ import annotations

from functools import partial
from typing import Any

from task_reporter.aws.subscribers import Subscribers, must_wait
from tests.campaigns.lives.edge import Edge, refused
from tests.campaigns.lives.judge import Judge
from tests.campaigns.lives.violation import TOLD, hold
from tests.support.sns import FakeSns, Request, is_plain, told_in

INVALID, BROKEN = "InvalidParameter", "InternalError"
"""SNS's permanent refusal of full notices with a certain task, and its outages."""


class Sns:
    """The notifier's client; ``judge`` receives each accepted notice.

    ``poisoned`` are tasks whose full notice SNS does not take, each with the error that it answers. ``subscribed`` says
    how many subscriptions are confirmed and pending.
    """

    def __init__(self, edge: Edge, judge: Judge, email_subscription: bool) -> None:
        self._edge, self._judge = edge, judge
        self.email_subscription = email_subscription
        self._sns = FakeSns()
        self._sns.error = self._poison
        self.poisoned: dict[str, str] = {}
        self.down = False

    @property
    def accepted(self) -> list[Request]:
        return self._sns.accepted

    @property
    def subscribed(self) -> tuple[int, int]:
        assert isinstance(self._sns.subscribed, tuple)
        return self._sns.subscribed

    @subscribed.setter
    def subscribed(self, numbers: tuple[int, int]) -> None:
        self._sns.subscribed = numbers

    @property
    def must_wait(self) -> bool:
        """Tell whether a notice would reach no subscriber."""
        return must_wait(Subscribers(*self.subscribed), self.email_subscription)

    def get_topic_attributes(self, **request: Any) -> Any:
        process = self._edge.process
        process.asked = True

        def reach() -> Any:
            answer = self._sns.get_topic_attributes(**request)
            process.must_wait = self.must_wait
            return answer

        try:
            return self._edge.perform("SNS", reach, {})
        except Exception:
            process.must_wait = None  # the answer was lost
            raise

    def publish(self, **request: Any) -> Any:
        def reach() -> Any:
            answer = self._sns.publish(**request)
            self._judge.keep(lambda: hold(TOLD, self._edge.process.asked, "a notice was sent, maybe to nobody"))
            self._judge.keep(lambda: hold(TOLD, not self._edge.process.must_wait, "a notice was sent to nobody"))
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
