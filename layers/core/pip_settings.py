"""Lets pip's configuration say where packages come from, and nothing else.

A setting such as ``PIP_USER=1``, ``target`` or ``require-virtualenv``, in a shell or in a file of pip's, is meant for
other installations and would break one into a folder of ours. Standard library only.
"""

from __future__ import annotations  # so that an interpreter too old can still say so

import ast
import os
import subprocess  # nosec B404 # it asks pip

SOURCES = {
    *("index-url", "extra-index-url", "no-index", "find-links", "trusted-host", "keyring-provider"),
    *("cert", "client-cert", "proxy", "timeout", "default-timeout", "retries", "cache-dir", "no-cache-dir"),
    *("use-feature", "use-deprecated"),  # truststore and legacy-certs choose the certificate authorities
}
"""Settings that say where packages come from and how to get there. https://pip.pypa.io/en/stable/cli/pip/"""
SECTIONS = ("global", "install", ":env:")
"""Places of settings, those that go before others last. https://pip.pypa.io/en/stable/topics/configuration/"""

OF_LISTING = {"PIP_QUIET": "0", "PIP_VERBOSE": "0", "PIP_USER": "0", "PYTHONUTF8": "1"}
"""Settings that change what `pip config list` shows (nothing, or one user's settings), set back; its encoding."""


def pip_environment(python: str) -> dict[str, str]:
    """Return the environment for ``python -m pip install``, in which no file of pip's configuration is read.

    Raises CalledProcessError with what pip says where it can't read its configuration.
    """
    settings = {variable(name): value for name, value in sources(python).items()}
    return _without_settings() | settings | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def sources(python: str) -> dict[str, str]:
    """Return the settings that say where packages come from: name, such as ``index-url`` → value.

    Raises CalledProcessError as above.
    """
    wanted = {variable(name) for name in (*SOURCES, "config-file")}
    ours = {name: value for name, value in os.environ.items() if name in wanted}
    environment = _without_settings() | ours | OF_LISTING
    command = [python, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True)  # nosec B603 # no shell, arguments of our own
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listed.stdout.splitlines():
        place, _, value = line.partition("=")
        section, _, name = place.rpartition(".")
        if section in found and name in SOURCES:
            found[section][name] = ast.literal_eval(value)
    return {name: value for section in SECTIONS for name, value in found[section].items()}


def variable(name: str) -> str:
    """Return the environment variable of a setting: ``PIP_INDEX_URL`` for ``index-url``."""
    return f"PIP_{name.upper().replace('-', '_')}"


def _without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
