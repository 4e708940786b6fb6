"""Texts within limits, without secrets."""

import pytest

from task_reporter.texts import without_url_queries

URL = "https://disks.s3.amazonaws.com/web.vmdk"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{URL}?X-Amz-Signature=SECRET", f"{URL}?…"),
        (f"No access to '{URL}?a=SECRET&b=SECRET' (403).", f"No access to '{URL}?…' (403)."),
        (f"{URL}?a=1 and s3://disks/x?versionId=2", f"{URL}?… and s3://disks/x?…"),
        (URL, URL),
        ("Is the disk there? Try again.", "Is the disk there? Try again."),
    ],
)
def test_queries_of_urls_are_removed(text: str, expected: str) -> None:
    assert without_url_queries(text) == expected
