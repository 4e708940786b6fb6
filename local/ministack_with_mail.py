"""ministack, with what the demo needs and it does not have: email that arrives, and conditions on parts of a text.

Runs in ministack's own environment: ``python ministack_with_mail.py MAILDIR``. ministack only logs what it would
mail; here each email that SNS would send to a confirmed subscriber is put into a Maildir. It takes ``Fn::Join`` and
``Fn::Split`` in a condition and does not evaluate them; CloudFormation does. This leans on names inside ministack, so
its version is pinned. It ends itself when the process that started it is gone.
"""

import mailbox
import os
import signal
import sys
import threading
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from ministack import app
from ministack.services import sns
from ministack.services.cloudformation import changesets, engine, handlers, stacks

fan_out = sns._fanout
evaluate_conditions = engine._evaluate_conditions


def main() -> None:
    maildir = mailbox.Maildir(sys.argv.pop())
    sns._fanout = with_mail(maildir)
    for module in (changesets, engine, handlers, stacks):
        module._evaluate_conditions = conditions
    threading.Thread(target=end_with_parent, daemon=True).start()
    app.main()


def with_mail(maildir: mailbox.Maildir) -> Any:
    """ministack's own delivery to all subscribers, and then the emails."""

    def deliver(
        topic: str,
        message_id: str,
        message: str,
        subject: str,
        structure: str = "",
        attributes: Any = None,
        **rest: Any,
    ) -> None:
        if structure == "json":
            # "Message attributes are sent only when the message structure is String, not JSON."
            # https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
            attributes = None
        fan_out(topic, message_id, message, subject, structure, attributes, **rest)
        text = sns._resolve_message_for_protocol(message, structure, "email")
        for subscription in sns._topic_by_arn_any_scope(topic)["subscriptions"]:
            wanted = sns._matches_filter_policy(subscription, attributes or {}, text)
            if wanted and subscription["protocol"] == "email" and subscription.get("confirmed"):
                maildir.add(email(subscription["endpoint"], subject, text))

    return deliver


def conditions(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, bool]:
    """Evaluate a template's conditions after joining and splitting what they compare."""

    def resolved(node: Any) -> Any:
        if isinstance(node, dict):
            if node.keys() & {"Fn::Join", "Fn::Split"}:
                return engine._resolve_refs(node, {}, parameters, {}, {}, "", "")
            return {name: resolved(value) for name, value in node.items()}
        return [resolved(value) for value in node] if isinstance(node, list) else node

    return evaluate_conditions({**template, "Conditions": resolved(template.get("Conditions", {}))}, parameters)


def email(to: str, subject: str, text: str) -> EmailMessage:
    """Compose the email that SNS sends: plain text, from an address of its own."""
    mail = EmailMessage()
    mail["From"] = "EC2 task reporter <no-reply@sns.amazonaws.com>"
    mail["To"] = to
    mail["Subject"] = subject or "AWS Notification Message"
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain="localhost")
    mail.set_content(text, cte="8bit")
    return mail


def end_with_parent() -> None:
    """End when the process that started this one ends: standard input is a pipe from it."""
    sys.stdin.buffer.read()
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
