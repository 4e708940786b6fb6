"""Notices for people and machines: golden emails, and invariants for any row."""

from __future__ import annotations

import json
import os
import random
import shlex
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from task_reporter.history.rows import Row
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.kind import OUTCOMES
from task_reporter.notifying.compose import compose_notices
from task_reporter.notifying.notice import Notice, format_subject, minimal_notice
from task_reporter.notifying.shell_commands import next_commands
from task_reporter.notifying.task_notice import task_notice
from task_reporter.texts import printable_ascii
from tests.support.finished import CASES, SCOPE, cases, row, texts, ugly_rows
from tests.support.sns import size

LARGEST = 262_144
LONGEST_LINE = 114
"""Kind, ids, region and time of a task in a digest."""
EMAILS = CASES / "emails"
RENEW = "RENEW_EMAILS"

SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]
WHATEVER = settings(deadline=None, max_examples=80, suppress_health_check=SLOW_IS_FINE)
FEW = settings(WHATEVER, max_examples=25)


# The emails, letter by letter


def emails() -> dict[str, Notice]:
    composed = {name: compose_notices(rows, digest_above=5) for name, rows in cases().items()}
    only = {name: told for name, (told,) in composed.items()}
    return only | {"plain": minimal_notice(only["import-image-failed"]), "plain-digest": minimal_notice(only["digest"])}


@pytest.mark.parametrize("name", emails())
def test_email_reads_as_approved(name: str) -> None:
    told = emails()[name]
    email, path = f"Subject: {told.subject}\n\n{told.text}", EMAILS / f"{name}.txt"
    if os.environ.get(RENEW):
        path.write_text(email)
    assert email == path.read_text(), f"If the new email is better, renew it with {RENEW}=1 and read the difference."


def test_every_approved_email_is_still_sent() -> None:
    assert {path.stem for path in EMAILS.glob("*.txt")} == set(emails())


@pytest.mark.parametrize("name", emails())
def test_lines_for_people_are_short(name: str) -> None:
    from_ec2 = {
        line for told in cases().values() for row in told for line in str(row.get("error_message")).splitlines()
    }
    lines = [line for line in emails()[name].text.splitlines() if line not in from_ec2]
    assert [
        line for line in lines if len(line) > LONGEST_LINE and not line.lstrip().startswith(("aws ", "Client."))
    ] == []


# What a notice says


def bodies(told: Notice) -> tuple[Any, str]:
    """Return the parsed JSON for machines, and the text for people."""
    return json.loads(told.message_attributes["detail"]["StringValue"]), told.text


def commands_of(row: Row) -> list[str]:
    return [command for _, command in next_commands(row)]


def tasks_in(told: Notice) -> list[dict[str, Any]]:
    data, _ = bodies(told)
    tasks: list[dict[str, Any]] = data.get("tasks", [data])
    return tasks


def test_a_completed_task_for_machines() -> None:
    assert bodies(task_notice(row(1, progress=100)))[0] == {
        "type": "task",
        "account": "123456789012",
        "region": "us-east-2",
        "scope": SCOPE,
        "kind": "bundle",
        "task_id": "bun-00000001",
        "state": "complete",
        "outcome": "complete",
        "resource_id": "i-00000000000000001",
        "progress": 100,
        "started_at": "2026-11-23T11:25:50.000Z",
        "updated_at": "2026-11-23T12:00:00.000Z",
        "first_seen_at": "2026-11-23T11:26:02.113Z",
        "finished_at": "2026-11-23T12:00:00.000Z",
        "bucket": "acme-bundles",
        "prefix": "bun-00000001",
        "image_location": "acme-bundles/bun-00000001.manifest.xml",
        "register_command": "aws ec2 register-image --region us-east-2 --name bun-00000001"
        " --image-location acme-bundles/bun-00000001.manifest.xml",
        "subject": "EC2 bundle task bun-00000001 complete (123456789012/us-east-2)",
        "next_steps": [
            {
                "text": "To register it as an AMI, now or when EC2 has forgotten the task",
                "command": "aws ec2 register-image --region us-east-2 --name bun-00000001"
                " --image-location acme-bundles/bun-00000001.manifest.xml",
            }
        ],
    }


def test_a_digest_for_machines() -> None:
    rows = [row(1), row(2, "failed", error_code="Client.S3Error")]
    (told,) = compose_notices(rows, digest_above=1)
    data, _ = bodies(told)
    assert (data["type"], data["count"]) == ("digest", 2)
    assert data["tasks"] == [
        {k: v for k, v in bodies(task_notice(row))[0].items() if k not in ("type", "subject", "next_steps")}
        for row in reversed(rows)
    ]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_what_is_complete_has_a_command_for_machines(outcome: str) -> None:
    assert ("register_command" in tasks_in(task_notice(row(1, outcome)))[0]) == (outcome == "complete")


@pytest.mark.parametrize("together", [False, True])
def test_every_completed_bundle_has_its_command_in_both_bodies(together: bool) -> None:
    rows = [row(number) for number in range(1, 8)]
    notices = compose_notices(rows, digest_above=1 if together else 10)
    said = "".join(told.text for told in notices)
    commands = [task["register_command"] for told in notices for task in tasks_in(told)]
    assert commands == [command for row in rows for command in commands_of(row)]
    assert all(f"  {command}\n" in said for command in commands)


def test_a_failed_task_has_code_and_message_in_both_bodies() -> None:
    message = 'first line\n\n  "second" line\\\n' + "long " * 2000 + "end"
    told = task_notice(row(1, "failed", error_code="Client.S3Error", error_message=message))
    data, text = bodies(told)
    assert (data["error_code"], data["error_message"]) == ("Client.S3Error", message)
    assert f"Error code: Client.S3Error\n\n{message}\n" in text


def test_a_lost_task_says_where_to_look() -> None:
    lost = row(1, "lost", progress=80, missing_since="2026-11-23T11:45:00.000Z")
    text = task_notice(lost).text
    assert "Last state    storing\n" in text
    assert "Missing since 2026-11-23 11:45:00 UTC\n" in text
    assert "Progress      80 %\n" in text
    check, register = commands_of(lost)
    assert text.index(f"\n  {check}\n") < text.index(f"\n  {register}\n")
    assert [register] == commands_of(row(1))


@pytest.mark.parametrize("outcome", sorted({*OUTCOMES} - {"lost"}))
def test_an_ended_task_is_not_announced_as_missing(outcome: str) -> None:
    assert "Missing" not in task_notice(row(1, outcome, missing_since="2026-11-23T11:45:00.000Z")).text


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_task_of_which_little_is_known(outcome: str) -> None:
    bare: Row = {"scope": SCOPE, "task_id": "bun-1", "outcome": outcome}
    for told in [
        task_notice(bare),
        minimal_notice(task_notice(bare)),
        *compose_notices([bare, bare | {"task_id": "bun-2"}], 1),
    ]:
        assert "None" not in told.text
        assert "bun-1" in told.text
        assert "aws " not in told.text


def test_an_outcome_that_a_later_version_knows() -> None:
    rows = [row(1, "exploded"), row(2), row(3, "failed")]
    assert "ended: exploded" in task_notice(rows[0]).text
    (digest,) = compose_notices(rows, 1)
    assert [task["outcome"] for task in tasks_in(digest)] == ["failed", "complete", "exploded"]


# One notice each, or a digest


@pytest.mark.parametrize(("count", "notices"), [(0, 0), (1, 1), (5, 5), (6, 1), (7, 1)])
def test_digest_above(count: int, notices: int) -> None:
    assert len(compose_notices([row(number) for number in range(count)], digest_above=5)) == notices


def test_worst_first() -> None:
    outcomes = ["complete", "cancelled", "lost", "failed", "complete", "failed"]
    (told,) = compose_notices([row(number, outcome) for number, outcome in enumerate(outcomes)], 5)
    ranked = ["failed", "failed", "lost", "cancelled", "complete", "complete"]
    assert [task["outcome"] for task in tasks_in(told)] == ranked
    headings = ["FAILED (2)", "LOST (1)", "CANCELLED (1)", "COMPLETE (2)"]
    assert sorted(headings, key=told.text.index) == headings
    assert told.subject.startswith("EC2 tasks: 2 failed, 1 lost, 1 cancelled, 2 complete (")


def test_two_accounts_never_share_a_digest() -> None:
    """A subscriber who filters by account is never told of another's tasks."""
    accounts = ["111111111111", "222222222222"]
    notices = compose_notices([row(n, scope=f"{accounts[n % 2]}/us-east-2") for n in range(12)], 5)
    assert [told.attributes["account"]["StringValue"] for told in notices] == accounts
    assert [len(tasks_in(told)) for told in notices] == [6, 6]
    for told, account, other in zip(notices, accounts, reversed(accounts), strict=True):
        assert {task["account"] for task in tasks_in(told)} == {account}
        assert other not in f"{told.subject} {told.text} {told.message_attributes}"


def test_regions_of_an_account_share_a_digest() -> None:
    (told,) = compose_notices([row(n, scope=SCOPE if n % 2 else "123456789012/eu-west-1") for n in range(12)], 5)
    assert told.attributes["region"] == array("eu-west-1", "us-east-2")
    assert told.subject.endswith("(123456789012, 2 regions)")
    assert told.text.count("  eu-west-1  ") == 6
    assert f"  scope = {SCOPE}\n" in told.text


@pytest.mark.parametrize("digest_above", [1, 20])
def test_order_of_rows_changes_nothing(digest_above: int) -> None:
    rows = [row(n, OUTCOMES[n % 4], finished_at=f"2026-11-23T12:0{n % 3}:00.000Z") for n in range(12)]
    expected = [bodies(told) for told in compose_notices(rows, digest_above)]
    random.Random(1).shuffle(rows)
    assert [bodies(told) for told in compose_notices(rows, digest_above)] == expected


# Attributes: what subscriptions filter on

STRINGS = {"account": "123456789012", "region": "us-east-2", "kind": "bundle", "outcome": "complete"}


def strings(values: dict[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}


def array(*values: str) -> dict[str, str]:
    return {"DataType": "String.Array", "StringValue": json.dumps(values, separators=(",", ":"))}


def test_attributes_of_one_task() -> None:
    assert task_notice(row(1)).attributes == strings(STRINGS | {"resource_id": "i-00000000000000001"})


def test_an_attribute_without_a_value_is_absent() -> None:
    assert task_notice(row(1, resource_id=None)).attributes == strings(STRINGS)


@pytest.mark.parametrize("digest_above", [1, 5])
def test_an_attribute_with_an_empty_value_is_absent(digest_above: int) -> None:
    """SNS refuses empty values."""
    for told in compose_notices([row(number, scope="123456789012/") for number in (1, 2)], digest_above):
        assert set(told.attributes) == {"account", "kind", "outcome", "resource_id"}


def test_attributes_of_a_digest() -> None:
    (told,) = compose_notices([row(1), row(2, "failed"), row(3), row(4, resource_id=None)], 1)
    here = strings({"account": "123456789012", "region": "us-east-2"})
    ids = [f"i-{number:017x}" for number in (1, 2, 3)]
    assert told.attributes == here | {
        "kind": array("bundle"),
        "outcome": array("complete", "failed"),
        "resource_id": array(*ids),
    }


def test_an_array_without_values_is_absent() -> None:
    (told,) = compose_notices([row(number, resource_id=None) for number in (1, 2)], 1)
    assert "resource_id" not in told.attributes


@pytest.mark.parametrize("digest_above", [1, 5])
def test_the_plain_form_passes_the_same_filters(digest_above: int) -> None:
    for told in compose_notices([row(1), row(2, "failed")], digest_above):
        bare = {name: typed for name, typed in told.attributes.items() if name != "resource_id"}
        assert minimal_notice(told).attributes == bare


def test_the_plain_form_holds_nothing_of_ec2s_text() -> None:
    said = row(
        1, "failed", error_code="secretcode", error_message="secretmessage", bucket="secretbucket", state="secretstate"
    )
    for told in [task_notice(said), *compose_notices([said, row(2)], 1)]:
        assert "secret" not in str(bodies(minimal_notice(told)))
        assert all(task["task_id"] in minimal_notice(told).text for task in tasks_in(told))


# What holds whatever EC2 sends


@WHATEVER
@given(st.text(max_size=300))
def test_any_text_as_a_subject(text: str) -> None:
    made = format_subject("", text, "")
    assert len(made) <= 99
    assert all(" " <= char <= "~" for char in made)


@WHATEVER
@given(texts(1024), st.sampled_from(OUTCOMES), st.sampled_from(["us-east-2", "ap-southeast-1", "us-gov-west-1"]))
def test_subject_tells_outcome_task_and_place_whatever_the_id(task_id: str, outcome: str, region: str) -> None:
    subject = task_notice(row(1, outcome, task_id=task_id, scope=f"123456789012/{region}")).subject
    assert len(subject) <= 99
    assert all(" " <= char <= "~" for char in subject)
    assert subject.startswith(f"EC2 bundle task {printable_ascii(task_id)[:20]}")
    assert subject.endswith(f" {outcome} (123456789012/{region})")


@WHATEVER
@given(texts(1024), texts(200), st.sampled_from(OUTCOMES))
def test_subject_tells_outcome_and_account_whatever_its_name(task_id: str, name: str, outcome: str) -> None:
    told = task_notice(row(1, outcome, task_id=task_id, account_name=name, scope="123456789012/ap-southeast-2"))
    assert len(told.subject) <= 99
    assert all(" " <= char <= "~" for char in told.subject)
    is_fit = name == printable_ascii(name) and not name.isdecimal()
    place = name[:21] if is_fit else "123456789012"
    assert f" {outcome} ({place}" in told.subject
    assert told.subject.endswith("/ap-southeast-2)")
    assert told.attributes["account"]["StringValue"] == "123456789012"


@pytest.mark.parametrize("name", ["Zürich", "111111111111"])
def test_subject_has_the_id_in_place_of_an_unfit_name(name: str) -> None:
    told = task_notice(row(1, account_name=name))
    assert told.subject == "EC2 bundle task bun-00000001 complete (123456789012/us-east-2)"
    assert f"{name} (123456789012)" in told.text


def test_a_digest_subject_with_large_numbers_keeps_the_scope() -> None:
    rows = [row(n, OUTCOMES[n % 4], scope="123456789012/ap-southeast-1", error_message="x" * 500) for n in range(1200)]
    subjects = [told.subject for told in compose_notices(rows, 5)]
    assert len(subjects) > 4
    assert all(len(subject) <= 99 and subject.startswith("EC2 tasks: ") for subject in subjects)
    endings = [f"(123456789012/ap-southeast-1, part {n} of {len(subjects)})" for n in range(1, len(subjects) + 1)]
    assert all(subject.endswith(ending) for subject, ending in zip(subjects, endings, strict=True))


def assert_sns_takes(told: Notice) -> None:
    request = {"Message": told.text, "MessageAttributes": told.message_attributes}
    assert told.size == size(request)
    assert told.size <= LARGEST
    assert 0 < len(told.subject) <= 99
    bodies(told)
    for typed in told.attributes.values():
        assert typed["StringValue"]
        if typed["DataType"] == "String.Array":
            assert all(isinstance(value, str) for value in json.loads(typed["StringValue"]))


def assert_each_is_told_once(rows: list[Row], notices: list[Notice]) -> None:
    named = [task["task_id"] for told in notices for task in tasks_in(told)]
    assert sorted(named) == sorted(str(row["task_id"]) for row in rows)
    for told in notices:
        assert all(task["task_id"] in told.text for task in tasks_in(told))
        assert [row["task_id"] for row in told.rows] == [task["task_id"] for task in tasks_in(told)]


@WHATEVER
@given(ugly_rows())
def test_one_ugly_task(ugly: Row) -> None:
    told = task_notice(ugly)
    assert_sns_takes(told)
    assert_sns_takes(minimal_notice(told))
    assert_each_is_told_once([ugly], [told])


@FEW
@given(st.lists(ugly_rows(), max_size=40, unique_by=lambda row: row["task_id"]), st.sampled_from([1, 5, 10]))
def test_many_ugly_tasks(ugly: list[Row], digest_above: int) -> None:
    notices = compose_notices(ugly, digest_above)
    for told in notices:
        assert_sns_takes(told)
        assert_sns_takes(minimal_notice(told))
    assert_each_is_told_once(ugly, notices)


@pytest.mark.parametrize("error", ["short", "😀" * 2000, '"\\' * 2000])
def test_two_thousand_tasks(error: str | None) -> None:
    rows = [row(n, OUTCOMES[n % 4], error_message=error) for n in range(2000)]
    notices = compose_notices(rows, 5)
    for told in notices:
        assert_sns_takes(told)
        assert_sns_takes(minimal_notice(told))
    assert_each_is_told_once(rows, notices)
    assert len(notices) <= 32


@pytest.mark.parametrize(("beyond", "whole"), [(0, True), (1, False)])
def test_an_error_text_is_whole_up_to_the_last_byte_of_sns(beyond: int, whole: bool) -> None:
    """Each letter of it stands once in either body."""
    short = task_notice(row(1, "failed", error_code="Client.S3Error", error_message="x")).size
    error = "x" * (1 + (LARGEST - short) // 2 + beyond)
    told = task_notice(row(1, "failed", error_code="Client.S3Error", error_message=error))
    assert_sns_takes(told)
    assert (tasks_in(told)[0]["error_message"] == error) == whole


@pytest.mark.parametrize("char", ["x", "é", "😀", '"', "\\", "\x01", "\n"])
def test_an_error_of_128_kb_is_told_as_far_as_sns_takes_it(char: str) -> None:
    error = char * (131_072 // len(char.encode()))
    told = task_notice(row(1, "failed", error_code="Client.S3Error", error_message=error))
    assert_sns_takes(told)
    assert told.size > LARGEST / 2.2
    said = tasks_in(told)[0]["error_message"]
    assert error.startswith(said.removesuffix("…"))
    assert said in told.text


HUGE = {**dict.fromkeys(("bucket", "prefix", "state", "error_code"), "\x01" * 8192), "image_location": "'" * 8192}
"""Texts that exceed SNS's limit once they are quoted for JSON and shells."""


def test_what_is_too_large_without_its_error_is_told_plainly() -> None:
    told = task_notice(row(1, **HUGE))
    assert tasks_in(told) == [
        {
            "account": "123456789012",
            "region": "us-east-2",
            "scope": SCOPE,
            "kind": "bundle",
            "task_id": "bun-00000001",
            "outcome": "complete",
        }
    ]
    assert_sns_takes(told)


def test_one_huge_task_costs_its_neighbours_nothing() -> None:
    rows = [row(1), row(2, "failed"), row(3, **HUGE), *(row(n) for n in range(4, 9))]
    notices = compose_notices(rows, 5)
    assert_each_is_told_once(rows, notices)
    commands = {task["task_id"] for told in notices for task in tasks_in(told) if "register_command" in task}
    assert commands == {f"bun-{n:08x}" for n in (1, 4, 5, 6, 7, 8)}
    assert not any("1 EC2 tasks" in told.text for told in notices)


# What never leaves the account's table

STRAY = {
    "AWSAccessKeyId": "stray1",
    "UploadPolicy": "stray2",
    "UploadPolicySignature": "stray3",
    "owner_note": "stray4",
    "awaiting_since": "stray5",
    "redriven_at": "stray6",
    "expires_at": 987654321,
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_nothing_outside_the_allow_list_is_told(outcome: str) -> None:
    rows = [row(n, outcome) | STRAY for n in (1, 2)]
    own = {"type", "account", "region", "register_command", "subject", "next_steps"}
    for told in [task_notice(rows[0]), *compose_notices(rows, 1), minimal_notice(task_notice(rows[0]))]:
        sent = told.subject + told.text + json.dumps(told.message_attributes)
        assert "stray" not in sent
        assert "987654321" not in sent
        assert all(set(task) <= own | set(BUNDLE.public_attributes) for task in tasks_in(told))


# A notice that was sent to see one arrive


def test_a_test_is_told_as_one_everywhere() -> None:
    for told in [task_notice(row(1, test="true")), minimal_notice(task_notice(row(1, test="true")))]:
        assert told.subject.startswith("TEST: EC2 bundle task ")
        assert told.attributes["test"] == {"DataType": "String", "StringValue": "true"}
        assert all(task["test"] is True for task in tasks_in(told))


def test_no_other_notice_is() -> None:
    for told in [task_notice(row(1)), *compose_notices([row(n) for n in range(9)], 5)]:
        assert "TEST" not in told.subject
        assert "test" not in told.attributes
        assert not any("test" in task for task in tasks_in(told))


@pytest.mark.parametrize("digest_above", [1, 5])
def test_a_test_never_joins_a_digest(digest_above: int) -> None:
    real = [row(n) for n in range(1, 8)]
    tests = [row(8, test="true"), row(9, test="true")]
    told = compose_notices([*real, *tests], digest_above)
    assert [len(one.rows) for one in told] == [1, 1, 7]
    assert_each_is_told_once([*real, *tests], told)


# Commands that people paste into a shell


@WHATEVER
@given(texts(63), texts(1024), texts(200), st.sampled_from(["us-east-2", "eu-west-1"]))
def test_commands_are_safe_to_paste(bucket: str, prefix: str, task_id: str, region: str) -> None:
    location = f"{bucket.replace('/', '-')}/{prefix}.manifest.xml"
    check, register = commands_of(
        row(1, "lost", scope=f"123456789012/{region}", task_id=task_id, image_location=location)
    )
    assert shlex.split(register) == [
        *("aws", "ec2", "register-image", "--region", region),
        *("--name", task_id, "--image-location", location),
    ]
    assert shlex.split(check) == [
        *("aws", "s3api", "head-object", "--region", region),
        *("--bucket", bucket.replace("/", "-"), "--key", f"{prefix}.manifest.xml"),
    ]


def test_without_a_place_there_is_no_command() -> None:
    assert commands_of(row(image_location=None)) == []
    assert commands_of(row(1, "lost", image_location=None)) == []
