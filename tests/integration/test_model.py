"""Random histories of the whole reporter on a real engine: nothing lost, nothing repeated. `make soak` runs more."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.campaigns.lives.machine import Histories
from tests.campaigns.lives.mutations import MUTATIONS, Mutation
from tests.campaigns.lives.run import ORDINARY, UNFORESEEN, histories, violation
from tests.campaigns.lives.scenes import SCENES

QUICK = settings(ORDINARY, derandomize=True, max_examples=100)


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Any:
    """Of AWS's own engine where it can run, else of the local AWS."""
    try:
        return request.getfixturevalue("aws_own")
    except pytest.skip.Exception:
        return request.getfixturevalue("local_aws")


@pytest.fixture
def machine(client: Any) -> Iterator[type[Histories]]:
    with histories(client) as machine:
        yield machine


def test_nothing_is_lost_and_nothing_is_repeated(machine: type[Histories]) -> None:
    found = violation(machine, QUICK)
    assert not found, f"{found.invariant}\n{found.what}\n{found.steps}"
    assert machine.figures.counts["notices"] > 100
    assert {name.partition(":")[0] for name in machine.figures.faults} == {"DynamoDB", "EC2", "SNS"}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_defect_is_found_in_its_scene(machine: type[Histories], mutation: Mutation) -> None:
    """`make soak ARGS=--mutations` looks for it in random histories too."""
    scene = SCENES[mutation.name]
    with mutation.applied():
        found = scene.play(machine)
    assert found
    assert found.invariant != UNFORESEEN, found.what
    assert scene.play(machine) is None
