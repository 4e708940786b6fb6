"""Runs ministack with emails that arrive, and with corrections.

Runs in the Python environment ``aws``: ``python ministack_with_mail.py MAILDIR``.

- ministack only logs emails. Here, each email that SNS would send to a confirmed subscriber goes into a Maildir folder.
- ministack gives attributes to subscribers of a structured message, which SNS does not.
- ministack gives an event the time of its arrival, and EventBridge the time that the sender names.
- ministack does not evaluate ``Fn::Join`` and ``Fn::Split`` in a condition, but CloudFormation does.

`ministack_access` and `ministack_organizations` correct access control and AWS Organizations. This replaces private
functions of ministack, so its version is pinned. The process ends when its parent process ends.
"""

import mailbox
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from ministack import app
from ministack.services import eventbridge, sns
from ministack.services.cloudformation import changesets, engine, handlers, stacks
from ministack_access import correct_access
from ministack_organizations import correct_organizations

ministack_fanout = sns._fanout
ministack_put_events, ministack_now = eventbridge._put_events, eventbridge._now_ts
ministack_evaluate_conditions = engine._evaluate_conditions


def main() -> None:
    maildir = mailbox.Maildir(sys.argv.pop())
    sns._fanout = make_fanout(maildir)
    eventbridge._put_events, eventbridge._now_ts = put_events, now_or_time_of_event
    for module in (changesets, engine, handlers, stacks):
        module._evaluate_conditions = evaluate_conditions
    correct_access()
    correct_organizations()
    threading.Thread(target=end_with_parent, daemon=True).start()
    app.main()


def make_fanout(maildir: mailbox.Maildir) -> Any:
    """Return a replacement of ministack's delivery function that also delivers emails into ``maildir``."""

    def fanout(
        topic: str,
        message_id: str,
        message: str,
        subject: str,
        structure: str = "",
        attributes: Any = None,
        **options: Any,
    ) -> None:
        if structure == "json":
            # "Message attributes are sent only when the message structure is String, not JSON."
            # https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
            attributes = None
        ministack_fanout(topic, message_id, message, subject, structure, attributes, **options)
        text = sns._resolve_message_for_protocol(message, structure, "email")
        for subscription in sns._topic_by_arn_any_scope(topic)["subscriptions"]:
            passes_filter = sns._matches_filter_policy(subscription, attributes or {}, text)
            if passes_filter and subscription["protocol"] == "email" and subscription.get("confirmed"):
                maildir.add(compose_email(subscription["endpoint"], subject, text))

    return fanout


times_of_events: ContextVar[Iterator[Any]] = ContextVar("times_of_events")
"""The times in the entries of the running request."""


def put_events(data: dict[str, Any], **options: Any) -> Any:
    """Put events that happened when their entries say.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
    """
    times_of_events.set(iter([entry.get("Time") for entry in data.get("Entries", [])]))
    return ministack_put_events(data, **options)


def now_or_time_of_event() -> float:
    """Return the next entry's time, or the present time."""
    return eventbridge._coerce_timestamp(next(times_of_events.get(iter(())), None) or ministack_now())  # type: ignore[no-any-return]


def evaluate_conditions(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, bool]:
    """Evaluate the string functions in a template's conditions, then the conditions."""

    def resolve(node: Any) -> Any:
        if isinstance(node, dict):
            if node.keys() & {"Fn::Join", "Fn::Split"}:
                return engine._resolve_refs(node, {}, parameters, {}, {}, "", "")
            return {name: resolve(value) for name, value in node.items()}
        return [resolve(value) for value in node] if isinstance(node, list) else node

    resolved = {**template, "Conditions": resolve(template.get("Conditions", {}))}
    return ministack_evaluate_conditions(resolved, parameters)


def compose_email(to: str, subject: str, text: str) -> EmailMessage:
    """Compose an email as SNS does: plain text, from an address of SNS."""
    mail = EmailMessage()
    mail["From"] = "EC2 task reporter <no-reply@sns.amazonaws.com>"
    mail["To"] = to
    mail["Subject"] = subject or "AWS Notification Message"
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain="localhost")
    mail.set_content(text, cte="8bit")
    return mail


def end_with_parent() -> None:
    """Kill this process group when the parent process ends, which closes standard input."""
    sys.stdin.buffer.read()
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
