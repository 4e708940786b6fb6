"""The regions to watch in a member account."""

from collections.abc import Sequence

from task_reporter.runtime.settings import ALL_REGIONS


def select_regions(setting: Sequence[str], enabled: Sequence[str], own_region: str) -> list[str]:
    """Return the regions to watch, sorted.

    ``setting`` is empty for the hub's own region, or ``ALL_REGIONS``. ``enabled`` is empty where the account does not
    tell which regions it has enabled: then the setting alone decides, and ``ALL_REGIONS`` is the hub's own region.
    """
    wanted = [own_region] if not setting or (tuple(setting) == ALL_REGIONS and not enabled) else list(setting)
    if tuple(wanted) == ALL_REGIONS:
        wanted = list(enabled)
    return sorted(region for region in set(wanted) if not enabled or region in enabled)
