"""Commands of the SAM CLI, for the local AWS and for AWS accounts."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from local.environments import ROOT, program_path

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""The Lambda runtime of this interpreter's version, so that the tested version is deployed."""


def sam_build_command(*options: str) -> list[str]:
    """Return the command that builds the functions and the layer."""
    return [program_path("sam", "sam"), "build", *options]


def sam_deploy_command(stack: str, region: str, parameters: Path, *options: str) -> list[str]:
    """Return the command that deploys a built template; ``parameters`` is a file of `write_parameter_file`."""
    command = [program_path("sam", "sam"), "deploy", "--config-file", str(ROOT / "samconfig.toml"), *options]
    return [*command, "--stack-name", stack, "--region", region, "--parameter-overrides", f"file://{parameters}"]


def sam_variables(runtime: str = RUNTIME) -> dict[str, str]:
    """Return the environment variables for the layer's Makefile: the interpreter and the Lambda runtime."""
    return {"LAYER_PYTHON": program_path("project", "python"), "LAYER_RUNTIME": runtime}


def write_parameter_file(folder: Path, parameters: Mapping[str, str], runtime: str = RUNTIME) -> Path:
    """Write a file in ``folder`` from which the SAM CLI reads parameters unchanged."""
    path = folder / "parameters.yaml"  # the SAM CLI reads YAML, and JSON is valid YAML
    values = {name: _quote(value) for name, value in {"PythonRuntime": runtime, **parameters}.items()}
    path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    return path


def _quote(value: str) -> str:
    """Quote ``value``, because the SAM CLI removes one level of quotes and backslashes."""
    return '"' + re.sub(r"""\\(?=[ "'])""", r"\\\\", value) + '"'
