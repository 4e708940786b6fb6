"""Rows of a busy account's year, the same ones each time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from task_reporter.history.rows import AWAITING_OUTCOME, ROSTER_SCOPE, Row
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST
from task_reporter.kinds.table import KINDS
from task_reporter.times import to_text

NEWEST = datetime(2026, 11, 23, 12, tzinfo=UTC)
SPAN = timedelta(days=365)
SCOPE = "123456789012/eu-west-1"
RUNNING = 20
"""Number of the newest tasks that have not ended."""
SHARES = {COMPLETE: 86, FAILED: 7, CANCELLED: 5, LOST: 2}
ERRORS: dict[str, Row] = {
    FAILED: {
        "error_code": "Client.S3Error",
        "error_message": "An error occurred while uploading the bundle: the specified bucket does not exist",
    },
    CANCELLED: {"error_code": "Client.Cancelled", "error_message": "Bundle task has been cancelled"},
}
STATES = {COMPLETE: "complete", FAILED: "failed", CANCELLED: "failed", LOST: "bundling"}
INSTANCES = 5000
ACCOUNTS = 1000
REGIONS = tuple(f"{part}-{number}" for part in ("ap-south", "eu-west", "us-east", "us-west") for number in range(1, 5))
"""Accounts of an organization, and their regions."""


def rows(count: int) -> Iterator[Row]:
    """``count`` rows, the newest first."""
    chance = Random(count)
    for number in range(count):
        changed = NEWEST - SPAN * number / count
        row = _begun(chance, changed)
        yield row | (_running(chance, changed) if number < RUNNING else _ended(chance, changed))


def of_organization(count: int) -> Iterator[Row]:
    """Yield the roster, and ``count`` rows of many accounts in all kinds."""
    regions = " ".join(REGIONS)
    for account in range(ACCOUNTS):
        yield {"scope": ROSTER_SCOPE, "task_id": account_id(account), "name": f"team-{account}", "regions": regions}
    names = {account_id(account): f"team-{account}" for account in range(ACCOUNTS)}
    yield {"scope": ROSTER_SCOPE, "task_id": "names", "names": json.dumps(names)}
    kinds = list(KINDS)
    for number, row in enumerate(rows(count)):
        account, turn = number % ACCOUNTS, number // ACCOUNTS
        place = {"scope": f"{account_id(account)}/{REGIONS[turn % len(REGIONS)]}", "account_name": f"team-{account}"}
        yield row | place | {"kind": kinds[number % len(kinds)]}


def account_id(number: int) -> str:
    """Return the id of an account of the organization."""
    return f"{10**11 + number}"


def _begun(chance: Random, changed: datetime) -> Row:
    """Return the attributes that every task has."""
    began = changed - timedelta(seconds=chance.randint(300, 7200))
    bucket, prefix = "acme-bundles", f"host-{chance.randrange(INSTANCES)}/{began:%Y-%m-%d-%H%M%S}"
    return {
        "scope": SCOPE,
        "task_id": f"bun-{chance.getrandbits(32):08x}",
        "kind": "bundle",
        "resource_id": f"i-{chance.randrange(INSTANCES):017x}",
        "started_at": to_text(began),
        "updated_at": to_text(changed),
        "first_seen_at": to_text(began + timedelta(minutes=3)),
        "bucket": bucket,
        "prefix": prefix,
        "image_location": f"{bucket}/{prefix}.manifest.xml",
    }


def _running(chance: Random, changed: datetime) -> Row:
    progress = chance.randrange(100)
    return {
        "state": "bundling",
        "progress": progress,
        "awaiting": AWAITING_OUTCOME,
        "awaiting_since": to_text(changed),
    }


def _ended(chance: Random, changed: datetime) -> Row:
    (outcome,) = chance.choices(list(SHARES), list(SHARES.values()))
    told = to_text(changed + timedelta(seconds=chance.randint(5, 300)))
    ended: Row = {"state": STATES[outcome], "outcome": outcome, "finished_at": to_text(changed), "notified_at": told}
    return ended | ERRORS.get(outcome, {})
