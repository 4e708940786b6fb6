"""Preparation of all clients at once."""

import gc

import pytest

from benchmarks.ec2_lists import listed
from task_reporter.aws import clients
from tests.support.canned_ec2 import Answer, canned_ec2

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


def test_parsing_a_large_answer_starts_no_garbage_collection(searches):
    with canned_ec2(Answer(listed(5000))) as ec2:
        client = ec2.client()
        searches.clear()
        client.describe_bundle_tasks()
        unprepared = len(searches)
        clients.prepare([client])
        client.describe_bundle_tasks()
    assert len(searches) - unprepared < unprepared / 2
