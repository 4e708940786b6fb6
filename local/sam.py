"""Commands of the SAM CLI, the same for the local AWS and for an account."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from local.environments import ROOT, program

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""The Lambda runtime that is this interpreter: what is deployed is what was tested."""


def sam_build(*options: str) -> list[str]:
    """Return the command that builds the functions and the layer."""
    return [program("sam", "sam"), "build", *options]


def sam_deploy(stack: str, region: str, parameters: Path, *options: str) -> list[str]:
    """Return the command that deploys a built template; ``parameters`` is a file of `parameter_file`."""
    command = [program("sam", "sam"), "deploy", "--config-file", str(ROOT / "samconfig.toml"), *options]
    return [*command, "--stack-name", stack, "--region", region, "--parameter-overrides", f"file://{parameters}"]


def sam_variables(runtime: str = RUNTIME) -> dict[str, str]:
    """Return the environment variables that tell the layer's build its interpreter and the Lambda runtime."""
    return {"LAYER_PYTHON": program("project", "python"), "LAYER_RUNTIME": runtime}


def parameter_file(folder: Path, parameters: Mapping[str, str], runtime: str = RUNTIME) -> Path:
    """Write the template's parameters into a file in ``folder`` from which the SAM CLI reads each value unchanged."""
    path = folder / "parameters.yaml"  # the SAM CLI reads YAML, of which JSON is a part
    values = {name: _quoted(value) for name, value in {"PythonRuntime": runtime, **parameters}.items()}
    path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    return path


def _quoted(value: str) -> str:
    """Quote ``value``, because the SAM CLI takes quotes and backslashes away from whatever it reads."""
    return '"' + re.sub(r"""\\(?=[ "'])""", r"\\\\", value) + '"'
