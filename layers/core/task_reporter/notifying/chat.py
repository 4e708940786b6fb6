"""Messages for Slack and Teams.

Their schema is that of Amazon Q Developer in chat applications, which drops anything else without a word:
https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from task_reporter.history.rows import ACCOUNT_NAME, Row, account_and_region
from task_reporter.kinds.table import kind_of
from task_reporter.notifying.digest import digest_subject, worst_first
from task_reporter.notifying.notice import account_name, regions_of, task_name, task_subject
from task_reporter.notifying.shell_commands import next_commands
from task_reporter.notifying.task_notice import error_text, task_facts

# Below the limits of AWS's schema, and of a section in Slack, which is 3,000 characters:
# https://docs.slack.dev/reference/block-kit/blocks/section-block
MAX_TITLE, MAX_DESCRIPTION, MAX_STEP, MAX_KEYWORD, MAX_THREAD = 250, 2800, 350, 75, 250
MAX_STEPS, MAX_KEYWORDS, MAX_RESOURCES = 5, 3, 3
MAX_ERROR = 1400
"""Characters of EC2's error text; the history has all of it."""
MAX_TASKS = 20
"""Tasks that the message of a digest names."""


def task_message(row: Row) -> dict[str, Any]:
    """Return the message about one ended task."""
    facts = [f"*{label}:* {_escaped(str(value))}" for label, value in task_facts(row) if value]
    if warning := kind_of(row).warning(row):
        facts.insert(0, f"*{_escaped(warning)}*")
    error = error_text(row)
    code = f"\n```{_code(error)[:MAX_ERROR]}```" if error else ""
    description = _within("\n".join(facts), MAX_DESCRIPTION - len(code)) + code
    steps = [f"{_escaped(step.text)}: `{_code(command)}`" for step, command in next_commands(row)]
    return _message([row], task_subject(row), description, steps, str(row["task_id"]))


def digest_message(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the message about many tasks of one account that ended together."""
    rows = worst_first(rows)
    has_regions = len(regions_of(rows)) > 1
    lines = [_digest_line(row, has_regions) for row in rows[:MAX_TASKS]]
    if len(rows) > MAX_TASKS:
        lines.append(f"and {len(rows) - MAX_TASKS} more")
    options = f"--account {account_and_region(rows[0])[0]} " if account_name(rows) else ""
    steps = [f"To see them all: `task-reporter list {options}--since 1d`"]
    thread = f"{len(rows)} tasks from {rows[0]['task_id']}"
    return _message(rows, digest_subject(rows), _within("\n".join(lines), MAX_DESCRIPTION), steps, thread)


def _digest_line(row: Row, has_regions: bool) -> str:
    place = f" in {account_and_region(row)[1]}" if has_regions else ""
    return f"{_escaped(task_name(row))}{place}: *{row['outcome']}*"


def _message(rows: Sequence[Row], title: str, description: str, steps: Iterable[str], thread: str) -> dict[str, Any]:
    account, region = account_and_region(rows[0])[0], ", ".join(regions_of(rows))
    name = account_name(rows)
    keywords = Counter(str(row[name]) for row in rows for name in ("outcome", "kind") if name in row)
    related = dict.fromkeys(str(row["resource_id"])[:MAX_THREAD] for row in rows if "resource_id" in row)
    return {
        "version": "1.0",
        "source": "custom",
        "content": {
            "textType": "client-markdown",
            "title": _escaped(title)[:MAX_TITLE],
            "description": description,
            # A command that was cut would do something else.
            "nextSteps": [step for step in steps if len(step) <= MAX_STEP][:MAX_STEPS],
            "keywords": [word[:MAX_KEYWORD] for word, _ in keywords.most_common(MAX_KEYWORDS)],
        },
        "metadata": {
            "threadId": f"{rows[0]['scope']}/{thread}"[:MAX_THREAD],
            "summary": title[:MAX_TITLE],
            "eventType": "EC2 task ended",
            "relatedResources": list(related)[:MAX_RESOURCES],
            "additionalContext": {"account": account, "region": region} | ({ACCOUNT_NAME: name} if name else {}),
        },
    }


def _escaped(text: str) -> str:
    """Escape ``text``, so that Slack sees no mention and no marked link.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(text: str) -> str:
    """Return ``text`` for a place between backticks."""
    return _escaped(text.replace("`", "'"))


def _within(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
