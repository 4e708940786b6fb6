"""Settings and fixtures of all tests."""

import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

from local.process_environment import isolated_environment
from tests.support.waiting import TEST_SECONDS

# Tests run with what `make test` gives them also where pytest is called by hand. Their output is not for a terminal.
own = {name: value for name, value in isolated_environment().items() if name not in ("NO_COLOR", "TERM")}
own |= {name: value for name, value in os.environ.items() if name.startswith("RENEW_")}  # golden files
os.environ.clear()
os.environ.update(own)

# A shell's background jobs ignore Ctrl-C, and so would each program that a test interrupts. nohup does that to SIGHUP.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A busy machine is slow, not wrong.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("project", PATIENT)
settings.register_profile("further", PATIENT, max_examples=20)
settings.load_profile("project")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Limit each test, where the command line names no other limit; pytest-timeout reads this."""
    config.option.timeout = config.option.timeout or TEST_SECONDS


def pytest_report_header() -> str:
    """Return the interpreter, because several are tested."""
    return f"the package runs on Python {sys.version.split()[0]}"
