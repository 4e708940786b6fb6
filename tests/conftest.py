"""Settings and fixtures of all tests."""

import os
import signal
import sys
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from local.process_environment import isolated_environment
from tests.support.waiting import TEST_SECONDS

# Tests have the environment of `make test` also if pytest is called by hand. Their output is not for a terminal.
isolated = {name: value for name, value in isolated_environment().items() if name not in ("NO_COLOR", "TERM")}
isolated |= {name: value for name, value in os.environ.items() if name.startswith("RENEW_")}  # golden files
os.environ.clear()
os.environ.update(isolated)

# Background jobs of a shell ignore Ctrl-C, and nohup ignores SIGHUP; programs that tests interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A busy machine is slow, not wrong.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("project", PATIENT)
settings.register_profile("further", PATIENT, max_examples=20)
settings.load_profile("project")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Limit each test's time, and give each process its own temporary folder.

    By default, all processes of a user share one folder, and each removes old parts of it when it ends. If two
    processes remove the same part at once, pytest warns, and here a warning is an error.
    """
    config.option.timeout = config.option.timeout or TEST_SECONDS  # pytest-timeout reads this
    if not config.option.basetemp:
        folder = TemporaryDirectory(prefix="pytest-", ignore_cleanup_errors=True)
        config.option.basetemp = folder.name
        config.add_cleanup(folder.cleanup)


def pytest_report_header() -> str:
    """Return the version of Python, because several are tested."""
    return f"the package runs on Python {sys.version.split()[0]}"
