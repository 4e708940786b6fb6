"""Clients: their connections, and the garbage collector while they parse."""

import gc

import pytest

from benchmarks.ec2_lists import listed
from task_reporter.aws import clients
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.organization.credentials import CurrentCredentials
from task_reporter.organization.hub import LISTS_AT_ONCE
from tests.support.canned_ec2 import canned_ec2
from tests.support.functions import load

PYTHONS_OWN = (700, 10, 10)
"""The default thresholds of Python 3.11 and 3.12; another test may change them."""


@pytest.fixture
def searches():
    """Return a list with an entry for each garbage collection."""
    seen, thresholds = [], gc.get_threshold()
    gc.set_threshold(*PYTHONS_OWN)

    def note(phase, _about):
        if phase == "start":
            seen.append(phase)

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.set_threshold(*thresholds)


@pytest.mark.parametrize("function", ["recorder", "notifier"])
def test_handlers_parse_with_few_garbage_collections(function, searches):
    with canned_ec2(listed(5000, (BUNDLE,))[BUNDLE.operation]) as ec2:
        client = ec2.client()
        searches.clear()
        client.describe_bundle_tasks()
        unprepared = len(searches)
        load(function)
        client.describe_bundle_tasks()
    assert len(searches) - unprepared < unprepared / 2


def test_all_threads_of_a_hub_may_use_one_region():
    """Connections above the limit are closed after each request, with a warning."""
    client = clients.member_client("eu-west-1", CurrentCredentials())
    assert client.meta.config.max_pool_connections >= LISTS_AT_ONCE
