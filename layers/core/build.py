"""Builds the layer from the package and its pinned dependencies.

Parts that the functions do not use are left out. The layer contains only pure Python, so any host can build it for any
runtime. Two builds with the same interpreter are identical byte for byte. This folder's Makefile runs it; it needs only
the standard library and pip.
"""

import argparse
import os
import shutil
import subprocess  # nosec B404 # a build runs programs
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 # plain `sam build` runs whichever python3 comes first
    sys.exit(
        f"The layer needs Python 3.11 or later to build, but this is {sys.version.split()[0]};"
        " set LAYER_PYTHON=python3.13"
    )

import interpreters
from pip_settings import pip_environment
from task_reporter.kinds.table import KINDS
from trim_botocore import trim_data

LAYER = Path(__file__).resolve().parent
PACKAGE = "task_reporter"

OPERATIONS = {
    "dynamodb": ("BatchGetItem", "PutItem", "Query", "TransactWriteItems", "UpdateItem"),
    "events": ("DescribeEventBus", "PutEvents"),
    "ec2": ("DescribeRegions", *(kind.operation for kind in KINDS.values())),
    "organizations": ("ListAccounts", "ListAccountsForParent", "ListOrganizationalUnitsForParent"),
    "sns": ("GetTopicAttributes", "Publish"),
    "sqs": ("SendMessageBatch",),
    "sts": ("AssumeRole",),
}
"""The operations that the functions call. botocore has models of 400 services."""

INSTALLER_FILES = ("bin", "**/RECORD", "**/INSTALLER", "**/REQUESTED", "**/__pycache__", "**/py.typed", "**/*.pyi")
"""Files for pip or for development.

METADATA is not one of them, because vulnerability scanners read it.
"""

UNUSED_PARTS = (
    "boto3/data",
    "boto3/examples",
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/[!_]*/",
    "dateutil/zoneinfo/*.tar.gz",
    "s3transfer*",
)
"""Parts of dependencies that no function imports: boto3's resources, a web framework, time zones."""
STAND_INS = {"s3transfer/__init__.py": "", "s3transfer/manager.py": "class TransferConfig:\n    pass\n"}
"""Modules in the place of s3transfer, which boto3 uses for S3 alone.

Its import takes a twentieth of a cold start and of the memory.
"""
USED_UTILITIES = {"jmespath_utils", "typing"}
"""Folders of Powertools' utilities that its logger imports."""

WITHOUT_BYTECODE = """\
WARNING: no {runtime} was found, so the layer ships without bytecode: a cold start takes about twice as long.
WARNING: Install {runtime}, or deploy with `make deploy`, whose runtime is the version of its own Python."""

WITHOUT_COLUMNS = "no_debug_ranges"
"""Option of Python for bytecode that knows lines, but no columns: an eighth smaller.

https://docs.python.org/3/using/cmdline.html#cmdoption-X"""

ZIP_EPOCH = 315_532_800
"""1980-01-01 as a Unix time: the earliest time that a zip file can store."""


def main() -> None:
    """Build the layer in the folder that `sam build` names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifacts", type=Path, help="folder that becomes the layer")
    parser.add_argument("--runtime", required=True, help="Lambda runtime to compile for, such as python3.13")
    arguments = parser.parse_args()
    target = arguments.artifacts / "python"
    install(target)
    remove_unused_files(target)
    write_stand_ins(target)
    trim_data(target / "botocore" / "data", OPERATIONS)
    compile_bytecode(arguments.artifacts, arguments.runtime)
    set_fixed_times(arguments.artifacts)


def install(target: Path) -> None:
    """Install the package and its pinned dependencies, whose hashes pip checks."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    options = ["--no-deps", "--require-hashes", "--requirement", str(LAYER / "requirements.txt")]
    command = [*pip, *options, "--target", str(target)]
    subprocess.run(command, env=pip_environment(sys.executable), check=True)  # nosec B603 # no shell, arguments of our own
    shutil.copytree(LAYER / PACKAGE, target / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))


def remove_unused_files(target: Path) -> None:
    """Remove the files and folders that no function uses."""
    for pattern in INSTALLER_FILES + UNUSED_PARTS:
        for path in [path for path in target.glob(pattern) if path.name not in USED_UTILITIES]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def write_stand_ins(target: Path) -> None:
    """Write the modules that stand for removed ones."""
    for name, source in STAND_INS.items():
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_text(source, encoding="utf-8")


def compile_bytecode(artifacts: Path, runtime: str) -> None:
    """Compile all modules for ``runtime``.

    Prints a warning if its interpreter is not installed. Lambda cannot write bytecode, so without it every cold start
    would compile every module. Lambda mounts the layer at ``/opt``.
    """
    python = interpreters.find(runtime)
    if python is None:
        # On standard output, because `sam build` shows standard error only when make fails.
        print(WITHOUT_BYTECODE.format(runtime=runtime), flush=True)
        return
    command = [python, "-I", "-X", WITHOUT_COLUMNS, str(LAYER / "bytecode.py"), str(artifacts), "/opt"]
    subprocess.run(command, check=True)  # nosec B603 # no shell, arguments of our own


def set_fixed_times(artifacts: Path) -> None:
    """Give every file the same time, so that equal builds make equal zip files."""
    for path in [artifacts, *artifacts.rglob("*")]:
        os.utime(path, (ZIP_EPOCH, ZIP_EPOCH))


if __name__ == "__main__":
    main()
