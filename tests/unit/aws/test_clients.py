"""What is done for all clients at once."""

import gc

import pytest

from benchmarks.ec2_lists import listed
from task_reporter.aws import clients
from tests.support.canned_ec2 import Answer, canned_ec2

PYTHONS_OWN = (700, 10, 10)
"""What Python 3.11 and 3.12 start with; a test that ran before, in the same process, may have prepared clients."""


@pytest.fixture
def searches():
    """One entry for each time that Python looked for unreachable objects, as often as it does unless told."""
    seen, thresholds = [], gc.get_threshold()
    gc.set_threshold(*PYTHONS_OWN)

    def note(phase, _about):
        if phase == "start":
            seen.append(phase)

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.set_threshold(*thresholds)


def test_a_large_answer_is_not_looked_through_for_garbage_while_it_is_parsed(searches):
    with canned_ec2(Answer(listed(5000))) as ec2:
        client = ec2.client()
        searches.clear()
        client.describe_bundle_tasks()
        unprepared = len(searches)
        clients.prepare([client])
        client.describe_bundle_tasks()
    assert len(searches) - unprepared < unprepared / 2
