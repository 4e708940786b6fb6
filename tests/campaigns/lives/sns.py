"""SNS with faults, which shows each accepted notice to the oracle."""

from __future__ import annotations

from typing import Any

from task_reporter.aws.subscribers import Audience, Subscribers, must_wait
from tests.campaigns.lives.faults import FaultInjector
from tests.campaigns.lives.oracle import NOTICE, Oracle
from tests.support.sns import FakeSns, Request, is_plain, refusal, told_in

INVALID, OUTAGE = "InvalidParameter", "InternalError"


class FaultySns(FakeSns):
    """The notifier's client.

    poisoned  number of a task → SNS's permanent refusal of full notices with it
    is_down   True during an outage
    """

    def __init__(self, faults: FaultInjector, oracle: Oracle, email_subscription: bool) -> None:
        super().__init__()
        self._faults, self._oracle = faults, oracle
        self.email_subscription = email_subscription
        self.error = self._poison
        self.poisoned: dict[int, str] = {}
        self.is_down = False

    @property
    def audience(self) -> Audience:
        assert isinstance(self.subscribed, tuple)
        return Audience(self.subscribed[0], must_wait(Subscribers(*self.subscribed), self.email_subscription))

    def get_topic_attributes(self, TopicArn: str) -> Any:
        process = self._faults.process
        process.asked_sns = True
        # A fault may lose the answer.
        process.must_wait = None
        answer = self._faults.perform("SNS", lambda: super(FaultySns, self).get_topic_attributes(TopicArn), {})
        process.must_wait = self.audience.must_wait
        return answer

    def publish(self, **request: Any) -> Any:
        def send() -> Any:
            answer = super(FaultySns, self).publish(**request)
            self._oracle.accept(NOTICE, str(request), told_in(request))
            return answer

        return self._faults.perform("SNS", send, {"refused as invalid": _refuse})

    def _poison(self, request: Request) -> str | None:
        if self.is_down:
            return OUTAGE
        tasks = self._oracle.tasks()
        poison = (self.poisoned.get(tasks[task_id].number) for task_id, _ in told_in(request))
        return None if is_plain(request) else next(filter(None, poison), None)


def _refuse() -> Any:
    raise refusal(INVALID)
