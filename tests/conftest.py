"""What all tests share."""

import os
import sys

from hypothesis import settings

from local.own_environment import own_environment

# Tests run with what `make test` gives them also where pytest is called by hand. Their output is not for a terminal.
own = {name: value for name, value in own_environment().items() if name not in ("NO_COLOR", "TERM")}
os.environ.clear()
os.environ.update(own)

# A busy machine is slow, not wrong.
settings.register_profile("project", deadline=None)
settings.register_profile("further", deadline=None, max_examples=20)
settings.load_profile("project")


def pytest_report_header() -> str:
    """The interpreter, because several are tested."""
    return f"the package runs on Python {sys.version.split()[0]}"
