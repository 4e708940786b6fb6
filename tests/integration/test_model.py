"""Random histories of the whole reporter on a real engine: nothing lost, nothing repeated. `make soak` runs more."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, settings

from tests.soak.machine import Histories
from tests.soak.mutations import MUTATIONS
from tests.soak.run import ORDINARY, histories, violation

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


@pytest.mark.parametrize("name", ["no mark", "marked before it is published", "the policy is kept"])
def test_a_defect_is_found(machine: type[Histories], name: str) -> None:
    """`make soak ARGS=--mutations` puts in many more."""
    [mutation] = [one for one in MUTATIONS if one.name == name]
    with mutation.applied():
        assert violation(machine, settings(QUICK, phases=[Phase.generate]))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_still_finds_what_it_changes(mutation: Any) -> None:
    with mutation.applied():
        pass
