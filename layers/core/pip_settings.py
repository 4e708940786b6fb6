"""Limits pip's configuration to the settings that say where packages come from.

Other settings, such as ``PIP_USER=1``, ``target`` or ``require-virtualenv``, would break an installation into a folder
of this project. Standard library only.
"""

from __future__ import annotations  # so that an old interpreter reaches the check of its version

import ast
import os
import subprocess  # nosec B404 # it asks pip

SOURCE_SETTINGS = {
    *("index-url", "extra-index-url", "no-index", "find-links", "trusted-host", "keyring-provider"),
    *("cert", "client-cert", "proxy", "timeout", "default-timeout", "retries", "cache-dir", "no-cache-dir"),
    *("use-feature", "use-deprecated"),  # truststore and legacy-certs choose the certificate authorities
}
"""Names of the settings that say where packages come from. https://pip.pypa.io/en/stable/cli/pip/"""
SECTIONS = ("global", "install", ":env:")
"""Sections of the configuration, in ascending precedence. https://pip.pypa.io/en/stable/topics/configuration/"""

PLAIN_LISTING = {"PIP_QUIET": "0", "PIP_VERBOSE": "0", "PIP_USER": "0", "PYTHONUTF8": "1"}
"""Variables that undo each setting that changes the output of ``pip config list``.

PYTHONUTF8 fixes its encoding.
"""


def pip_environment(python: str) -> dict[str, str]:
    """Return the environment for ``python -m pip install``.

    pip reads no configuration file with it. Raises CalledProcessError with pip's message if pip cannot read its
    configuration.
    """
    settings = {variable_name(name): value for name, value in package_sources(python).items()}
    return _base_environment() | settings | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def package_sources(python: str) -> dict[str, str]:
    """Return the settings that say where packages come from.

    The keys are names such as ``index-url``. Raises CalledProcessError with pip's message if pip cannot read its
    configuration.
    """
    allowed = {variable_name(name) for name in (*SOURCE_SETTINGS, "config-file")}
    exported = {name: value for name, value in os.environ.items() if name in allowed}
    environment = _base_environment() | exported | PLAIN_LISTING
    command = [python, "-m", "pip", "config", "list"]
    result = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True)  # nosec B603 # no shell, arguments of our own
    settings: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in result.stdout.splitlines():
        path, _, value = line.partition("=")
        section, _, name = path.rpartition(".")
        if section in settings and name in SOURCE_SETTINGS:
            settings[section][name] = ast.literal_eval(value)
    return {name: value for section in SECTIONS for name, value in settings[section].items()}


def variable_name(setting: str) -> str:
    """Return the environment variable of a setting, such as ``PIP_INDEX_URL`` for ``index-url``."""
    return f"PIP_{setting.upper().replace('-', '_')}"


def _base_environment() -> dict[str, str]:
    """Return this process's environment without any variable for pip or Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
