"""AMIs of finished tasks: a valid request, or an error with advice."""

from typing import Any

import pytest
from botocore.session import get_session
from botocore.stub import Stubber

from task_reporter.kinds.kind import COMPLETE, no_registration
from task_reporter.kinds.table import KINDS
from task_reporter_cli.actions.register import check_registration, require_account, require_registration
from task_reporter_cli.errors import RefusedError
from task_reporter_cli.history.items import Item

ROW: Item = {"scope": "123456789012/us-east-2", "task_id": "task-1", "outcome": COMPLETE}


def completed(kind: str) -> Item:
    return {**ROW, "kind": kind, **KINDS[kind].examples[COMPLETE]}


@pytest.fixture
def ec2() -> Any:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    return get_session().create_client("ec2", region_name="us-east-2", **keys)


REGISTERED = [name for name, kind in KINDS.items() if kind.registration is not no_registration]


def test_bundles_and_imported_snapshots_become_amis() -> None:
    assert set(REGISTERED) == {"bundle", "import-snapshot"}


@pytest.mark.parametrize("kind", REGISTERED)
@pytest.mark.parametrize("images", [[], [{"ImageId": "ami-1"}]], ids=["no AMI", "an AMI"])
def test_the_request_is_one_that_ec2_has(kind: str, images: list[dict[str, str]], ec2: Any) -> None:
    """botocore checks each request against EC2's model."""
    row = completed(kind)
    registration = require_registration(row)
    with Stubber(ec2) as stubbed:
        filters = [{"Name": name, "Values": [value]} for name, value in registration.filters.items()]
        stubbed.add_response("describe_images", {"Images": images}, {"Owners": ["self"], "Filters": filters})
        if not images:
            asked = {"Name": "web", "DryRun": True, **registration.parameters}
            stubbed.add_client_error("register_image", "DryRunOperation", expected_params=asked)
        assert check_registration(row, "web", ec2) == (images[0]["ImageId"] if images else None)
        stubbed.assert_no_pending_responses()


@pytest.mark.parametrize("kind", [name for name in KINDS if name not in REGISTERED])
def test_other_kinds_say_what_to_do_instead(kind: str) -> None:
    with pytest.raises(RefusedError, match="`task-reporter show task-1` has the commands that can follow") as refused:
        require_registration(completed(kind))
    assert ("it has made ami-" in str(refused.value)) == (kind == "import-image")


def test_an_ami_is_made_in_the_own_account_only() -> None:
    require_account(ROW, "123456789012")
    with pytest.raises(RefusedError, match="credentials are of 999988887777; give an AWS profile") as refused:
        require_account(ROW | {"account_name": "payments"}, "999988887777")
    assert "of the account 123456789012 (payments), and" in str(refused.value)
    assert str(refused.value).endswith("credentials of 123456789012 by --task-profile")
