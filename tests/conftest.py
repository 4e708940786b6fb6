"""What all tests share."""

import sys

from hypothesis import settings

# A busy machine is slow, not wrong.
settings.register_profile("project", deadline=None)
settings.register_profile("further", deadline=None, max_examples=20)
settings.load_profile("project")


def pytest_report_header() -> str:
    """The interpreter, because several are tested."""
    return f"the package runs on Python {sys.version.split()[0]}"
