"""Callbacks for option values; errors say the expected form."""

import re

import click

from task_reporter.history.rows import REGION
from task_reporter.times import now
from task_reporter_cli.time_formats import parse_typed_time

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
IMAGE_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")

MAX_DURATION = 1_000_000
"""Seconds or minutes; systems wait for no number of them, such as ``inf``."""


def parse_duration(_ctx: click.Context, _param: click.Parameter, value: float | None) -> float | None:
    """Parse a number of seconds or minutes to wait, never NaN.

    NaN compares false with every number.
    """
    if value is None or 0 <= value <= MAX_DURATION:
        return value
    raise click.BadParameter(f"{value:g} is not between 0 and {MAX_DURATION}.")


def parse_share(_ctx: click.Context, _param: click.Parameter, value: float) -> float:
    """Parse a share, never NaN."""
    if 0 <= value <= 1:
        return value
    raise click.BadParameter(f"{value:g} is not between 0 and 1.")


def parse_since(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Parse a time as people type it; a date is its beginning."""
    return _parse_time(value, end_of_day=False)


def parse_until(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Parse a time as people type it; a date is its end."""
    return _parse_time(value, end_of_day=True)


def _parse_time(value: str | None, end_of_day: bool) -> str | None:
    if value is None:
        return None
    try:
        return parse_typed_time(value, now(), end_of_day)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def check_regions(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Check names of regions; each is kept once."""
    for name in value:
        if not REGION.fullmatch(name):
            raise click.BadParameter(f"{name!r} is no region, such as eu-west-1.")
    return tuple(dict.fromkeys(value))


def check_image_name(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Check a name that EC2 accepts for an AMI."""
    if not IMAGE_NAME.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} is no name for an AMI; give 3 to 128 letters, digits, spaces or any of ( ) [ ] . / - ' @ _"
        )
    return value
