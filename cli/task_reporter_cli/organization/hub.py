"""The settings of a hub, as the parameters of its stack have them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import KINDS
from task_reporter.organization.members import Member
from task_reporter.organization.overdue import ROUND
from task_reporter.organization.planning import watched_lists
from task_reporter_cli.status.history import watched_kinds, watched_regions
from task_reporter_cli.status.limits import quiet_time, schedule_rate


@dataclass(frozen=True, slots=True)
class Hub:
    """The settings of a hub."""

    kinds: tuple[Kind, ...]
    """The watched kinds."""
    regions: tuple[str, ...]
    """The regions that the stack names; ``ALL_REGIONS``, or empty for its own."""
    own_region: str
    """The region of the stack."""
    quiet: timedelta
    """Time between two answers of a quiet list."""
    every: timedelta
    """Time between two rounds."""
    accepted: tuple[str, ...]
    """Patterns of scopes whose denials are expected."""


def read_hub(parameters: Mapping[str, str], own_region: str) -> Hub:
    """Return the settings of a hub that is deployed in ``own_region``."""
    patterns = (pattern.strip() for pattern in parameters.get("AcceptedDenials", "").split(","))
    return Hub(
        tuple(KINDS[name] for name in watched_kinds(parameters) if name in KINDS),
        watched_regions(parameters),
        own_region,
        quiet_time(parameters),
        schedule_rate(parameters) or ROUND,
        tuple(pattern for pattern in patterns if pattern),
    )


def watched_members(members: Iterable[Member], hub: Hub) -> list[Member]:
    """Return the members with the lists that the hub watches.

    The roster also has lists of regions and kinds that an earlier deployment watched.
    """
    return [replace(member, lists=watched_lists(member, hub.kinds, hub.regions, hub.own_region)) for member in members]
