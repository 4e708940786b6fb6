"""A wrong clock of this machine, which services refuse as a wrong signature.

https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

TOLERANCE = timedelta(minutes=4)
"""Most services take a signature that is up to five minutes old."""
SIGNATURE_TIMES = re.compile(
    r"Signature (?:expired|not yet current): (?P<here>\d{8}T\d{6}Z) is .*?\((?P<there>\d{8}T\d{6}Z) [-+] \d+ min"
)
"""Both times in a refusal: the signature's, and in brackets the service's."""
CLOCK_COMPLAINT = re.compile(r"signature expired|signature not yet current|too large.*(?:time|clock)", re.IGNORECASE)


def explain_clock(error: ClientError, now: datetime) -> str | None:
    """Return by how much this machine's clock is wrong, or None.

    None where ``error`` gives no reason to think so.
    """
    text = str(error.response["Error"].get("Message", ""))
    there = _parse_date(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}))
    ahead = now - there if there else _signature_offset(text)
    if ahead is not None and abs(ahead) >= TOLERANCE:
        minutes = round(abs(ahead) / timedelta(minutes=1))
        length = f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"
        side = "ahead of" if ahead > timedelta() else "behind"
        return f"this machine's clock is {length} {side} AWS's, which therefore refuses its signatures; set the clock"
    if CLOCK_COMPLAINT.search(text):
        return f"AWS takes the signature to be of another time ({text}); check this machine's clock"
    return None


def _parse_date(headers: Any) -> datetime | None:
    """Return the time at which the service answered."""
    try:
        found = parsedate_to_datetime(headers["date"])
    except (KeyError, TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _signature_offset(text: str) -> timedelta | None:
    times = SIGNATURE_TIMES.search(text)
    return _parse_time(times["here"]) - _parse_time(times["there"]) if times else None


def _parse_time(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
