"""A temporary queue that receives what the stack sends: notices, events, chat messages.

Everything that is made here is removed again. What a killed command left behind has its time in its name, and is
removed by the next one.
"""

import json
import re
import signal
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from task_reporter.aws.failures import REQUEST_ERRORS
from task_reporter.kinds.kind import OUTCOMES
from task_reporter.notifying.bus import DEFAULT_BUS
from task_reporter.notifying.event import SOURCE, TEST_TASK_ENDED
from task_reporter_cli.aws.explanations import explain
from task_reporter_cli.history.stack import Stack
from task_reporter_cli.history.target import Target
from task_reporter_cli.output.lines import print_note
from task_reporter_cli.paging import paginate

PREFIX = "task-reporter-listen-"
NAME = re.compile(rf"{PREFIX}(\d+)-\w+")
STALE_SECONDS = 3600
"""Age at which a queue's command was surely killed."""
NOTICE, EVENT, CHAT = "notice", "event", "chat message"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it arrived: what it is, and its JSON."""

    what: str
    message: dict[str, Any]

    @property
    def lines(self) -> Iterator[str]:
        """All of it, for people."""
        if self.what == EVENT:
            yield json.dumps(self.message, indent=2)
            return
        yield f"Subject: {self.message.get('Subject', '')}"
        for name, typed in sorted(self.message.get("MessageAttributes", {}).items()):
            yield f"Attribute {name} ({typed['Type']}): {typed['Value']}"
        yield ""
        yield str(self.message["Message"]).rstrip()


class Listener:
    """The queue, and what is expected to arrive in it."""

    def __init__(self, sqs: Any, url: str, topics: dict[str, str], expected: Sequence[str]) -> None:
        self._sqs, self._url, self._topics = sqs, url, topics
        self.expected = tuple(expected)

    def receive(self, task_id: str) -> list[Arrival]:
        """Return the messages about ``task_id`` that have arrived since the last call."""
        messages = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        arrivals = []
        for received in messages.get("Messages", []):
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=received["ReceiptHandle"])
            if task_id in received["Body"]:
                arrivals.append(self._arrival(json.loads(received["Body"])))
        return arrivals

    def _arrival(self, message: dict[str, Any]) -> Arrival:
        return Arrival(self._topics.get(message.get("TopicArn", ""), EVENT), message)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a termination end the context as Ctrl-C does, so that everything is removed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def listening(target: Target, stack: Stack, outcome: str) -> Iterator[Listener]:
    """Make a queue that receives what the stack sends, and remove it.

    It is subscribed to the stack's topics, and by a rule to its bus. The subscription has the filter policy of the
    stack's email address. Raises botocore's errors.
    """
    sqs, sns, events = (target.account.client(name) for name in ("sqs", "sns", "events"))
    topics = {stack.output("NotificationTopicArn"): NOTICE}
    topics |= {stack.outputs["ChatTopicArn"]: CHAT} if "ChatTopicArn" in stack.outputs else {}
    _remove_stale(sqs, sns, events, topics, stack.event_bus or DEFAULT_BUS)
    wanted = _outcomes(stack)
    expected = [NOTICE] if outcome in wanted else []
    expected += [EVENT] if stack.event_bus else []
    expected += [CHAT] if CHAT in topics.values() else []
    name = f"{PREFIX}{int(time.time())}-{uuid.uuid4().hex[:8]}"
    with ExitStack() as cleanup:
        url = sqs.create_queue(QueueName=name, Attributes={"MessageRetentionPeriod": "3600"})["QueueUrl"]
        cleanup.callback(sqs.delete_queue, QueueUrl=url)
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sources = list(topics)
        if stack.event_bus:
            sources.append(_make_rule(events, cleanup, name, stack.event_bus, arn))
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _queue_policy(arn, sources)})
        for topic, what in topics.items():
            attributes = {} if what == CHAT or set(OUTCOMES) <= set(wanted) else {"outcome": list(wanted)}
            _subscribe(sns, cleanup, topic, arn, attributes)
        yield Listener(sqs, url, topics, expected)


def _outcomes(stack: Stack) -> tuple[str, ...]:
    names = (name.strip() for name in stack.parameters.get("NotifyOutcomes", "").split(","))
    return tuple(name for name in names if name) or OUTCOMES


def _make_rule(events: Any, cleanup: ExitStack, name: str, bus: str, queue: str) -> str:
    """Make a rule that passes tests on to ``queue``, and return its ARN."""
    pattern = {"source": [SOURCE], "detail-type": [TEST_TASK_ENDED]}
    arn = events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))["RuleArn"]
    cleanup.callback(_remove_rule, events, name, bus)
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": queue}])
    return str(arn)


def _remove_rule(events: Any, name: str, bus: str) -> None:
    events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
    events.delete_rule(Name=name, EventBusName=bus)


def _subscribe(sns: Any, cleanup: ExitStack, topic: str, queue: str, filter_policy: dict[str, Any]) -> None:
    attributes = {"FilterPolicy": json.dumps(filter_policy)} if filter_policy else {}
    found = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=attributes, ReturnSubscriptionArn=True
    )
    cleanup.callback(sns.unsubscribe, SubscriptionArn=found["SubscriptionArn"])


def _queue_policy(queue: str, sources: Sequence[str]) -> str:
    """Let only the topics and the rule send to ``queue``."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": list(sources)}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _remove_stale(sqs: Any, sns: Any, events: Any, topics: Iterable[str], bus: str) -> None:
    """Remove what commands that were killed long ago left behind.

    A failure costs the test nothing.
    """
    with _excused():
        for url in sqs.list_queues(QueueNamePrefix=PREFIX).get("QueueUrls", []):
            with _excused():
                if _is_stale(url.rpartition("/")[2]):
                    sqs.delete_queue(QueueUrl=url)
    for topic in topics:
        with _excused():
            _remove_stale_subscriptions(sns, topic)
    with _excused():
        for rule in events.list_rules(NamePrefix=PREFIX, EventBusName=bus)["Rules"]:
            with _excused():
                if _is_stale(rule["Name"]):
                    _remove_rule(events, rule["Name"], bus)


def _remove_stale_subscriptions(sns: Any, topic: str) -> None:
    for answer in paginate(lambda **more: sns.list_subscriptions_by_topic(TopicArn=topic, **more)):
        for one in answer["Subscriptions"]:
            if _is_stale(one["Endpoint"].rpartition(":")[2]) and one["SubscriptionArn"].startswith("arn:"):
                sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])


@contextmanager
def _excused() -> Iterator[None]:
    """Go on after an error of AWS.

    Another command may remove the same things, and SQS still lists a deleted queue for a minute.
    """
    try:
        yield
    except REQUEST_ERRORS as error:
        print_note(f"What killed tests left behind was not removed: {explain(error)}")


def _is_stale(name: str) -> bool:
    found = NAME.fullmatch(name)
    return found is not None and time.time() - int(found[1]) > STALE_SECONDS
