"""What is done for all clients at once."""

import gc

import pytest

from task_reporter import aws
from tests.bench.ec2_lists import listed
from tests.canned_ec2 import Answer, canned_ec2


@pytest.fixture
def searches():
    """One entry for each time that Python looked for unreachable objects."""
    seen, thresholds = [], gc.get_threshold()

    def note(phase, _about):
        if phase == "start":
            seen.append(phase)

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.set_threshold(*thresholds)


def test_a_large_answer_is_not_looked_through_for_garbage_while_it_is_parsed(searches):
    with canned_ec2(Answer(listed(2000))) as ec2:
        client = ec2.client()
        searches.clear()
        client.describe_bundle_tasks()
        unprepared = len(searches)
        aws.prepare([client])
        client.describe_bundle_tasks()
    assert len(searches) - unprepared < unprepared / 4
