"""The settings of a hub, as the parameters of its stack have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import KINDS
from task_reporter.organization.overdue import ROUND
from task_reporter.runtime.settings import ALL_REGIONS
from task_reporter_cli.status.history import watched_kinds, watched_regions
from task_reporter_cli.status.limits import quiet_time, schedule_rate


@dataclass(frozen=True, slots=True)
class Hub:
    """The settings of a hub."""

    kinds: tuple[Kind, ...]
    """The watched kinds."""
    regions: tuple[str, ...]
    """The regions that the stack names, if it does."""
    quiet: timedelta
    """Time between two answers of a quiet list."""
    every: timedelta
    """Time between two rounds."""
    accepted: tuple[str, ...]
    """Patterns of scopes whose denials are expected."""


def read_hub(parameters: Mapping[str, str]) -> Hub:
    """Return the settings of a hub."""
    regions = watched_regions(parameters)
    patterns = (pattern.strip() for pattern in parameters.get("AcceptedDenials", "").split(","))
    return Hub(
        tuple(KINDS[name] for name in watched_kinds(parameters) if name in KINDS),
        () if regions == ALL_REGIONS else regions,
        quiet_time(parameters),
        schedule_rate(parameters) or ROUND,
        tuple(pattern for pattern in patterns if pattern),
    )
