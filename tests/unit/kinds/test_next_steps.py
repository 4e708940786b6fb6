"""Commands that follow an ended task, where a kind decides by the row's values."""

import pytest

from task_reporter.history.rows import Row
from task_reporter.kinds.export_image import EXPORT_IMAGE
from task_reporter.kinds.mac_modification import MAC_MODIFICATION
from task_reporter.notifying.digest import digest_notices

SCOPE = "123456789012/eu-west-1"


def exported(outcome: str, **place: str) -> Row:
    return {"task_id": "export-ami-1", "outcome": outcome, "bucket": "exports", **place}


@pytest.mark.parametrize(
    ("place", "folder", "start"),
    [
        ({}, "s3://exports/", "s3://exports/export-ami-1."),
        ({"prefix": "web/"}, "s3://exports/web/", "s3://exports/web/export-ami-1."),
        ({"prefix": "web/nightly-"}, "s3://exports/web/", "s3://exports/web/nightly-export-ami-1."),
        ({"prefix": "nightly-"}, "s3://exports/", "s3://exports/nightly-export-ami-1."),
    ],
)
def test_a_prefix_may_be_more_or_less_than_a_folder(place: Row, folder: str, start: str) -> None:
    [copy] = EXPORT_IMAGE.next_steps(exported("complete", **place))
    assert copy.arguments[:4] == ("s3", "cp", folder, ".")
    [check] = EXPORT_IMAGE.next_steps(exported("lost", **place))
    assert check.arguments == ("s3", "ls", start)


@pytest.mark.parametrize(
    ("modification", "is_named"), [("sip-modification", True), ("volume-ownership-delegation", False)]
)
def test_protection_is_named_only_where_it_changed(modification: str, is_named: bool) -> None:
    row: Row = {"resource_id": "i-1", "outcome": "complete", "task_type": modification}
    [step] = MAC_MODIFICATION.next_steps(row)
    assert ("csrutil" in step.text) == is_named


def test_a_digest_explains_commands_with_several_purposes() -> None:
    export = {"scope": SCOPE, "kind": "export-image", **exported("complete")}
    imported = {"scope": SCOPE, "kind": "import-image", "task_id": "import-ami-1", "outcome": "complete"}
    alike = digest_notices([export, export | {"task_id": "export-ami-2"}, imported])[0].text
    assert "COMPLETE (3), with the command that copies the disk from S3\n" in alike
    assert "To copy" not in alike
    mixed = digest_notices([export, imported | {"image_id": "ami-1"}])[0].text
    assert "COMPLETE (2)\n" in mixed
    assert "    To copy the disk from S3:\n    aws s3 cp " in mixed
    assert "    To start an instance from the AMI:\n    aws ec2 run-instances " in mixed


def test_a_digest_warns_of_an_instance_without_a_root() -> None:
    row = {"scope": SCOPE, "kind": "replace-root-volume", "task_id": "replacevol-1", "resource_id": "i-1"}
    detached = row | {"state": "failed-detached", "outcome": "failed"}
    [digest] = digest_notices([detached, row | {"task_id": "replacevol-2", "state": "failed", "outcome": "failed"}])
    assert digest.text.count("INSTANCE i-1 HAS NO ROOT VOLUME") == 1
