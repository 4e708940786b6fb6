"""The parts of a hub, from the settings and clients of a function."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

from task_reporter.aws import clients
from task_reporter.history.table import HistoryTable
from task_reporter.organization.call_counter import CallCounter
from task_reporter.organization.credentials import CurrentCredentials, MemberRoles
from task_reporter.organization.worker import Worker
from task_reporter.runtime.settings import RecorderSettings

LISTS_AT_ONCE = 32
"""Threads for the lists of all accounts that one execution environment works on."""


def make_worker(settings: RecorderSettings, client: Callable[[str], Any]) -> Worker:
    """Make the worker of an execution environment.

    ``client`` returns the function's own client for a service.
    """
    account, _, region = settings.scope.partition("/")
    partition, credentials, lock = settings.topic.split(":")[1], CurrentCredentials(), Lock()
    calls = CallCounter()
    regional: dict[str, Any] = {}

    def ec2_in(region: str) -> Any:
        with lock:  # botocore's client factory is not thread-safe
            if region not in regional:
                regional[region] = calls.watch(clients.member_client(region, credentials))
            return regional[region]

    roles = MemberRoles(
        calls.watch(client("sts")),
        lambda member: f"arn:{partition}:iam::{member}:role/{settings.member_role}",
        settings.external_id,
        account,
        clients.own_credentials,
    )
    return Worker(
        HistoryTable(client("dynamodb"), settings.table),
        roles,
        ec2_in,
        {kind.name: kind for kind in settings.kinds},
        settings.regions,
        region,
        settings.quiet,
        ThreadPoolExecutor(LISTS_AT_ONCE),
        calls=calls,
    )
