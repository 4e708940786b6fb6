"""Accounts and regions that a command is limited to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Accounts and regions as a person names them; empty for all."""

    accounts: tuple[str, ...] = ()
    """Ids, or names in any case."""
    regions: tuple[str, ...] = ()
