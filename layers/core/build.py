"""Builds the layer: the package, its pinned dependencies, and nothing that the functions do not use.

Only pure Python goes in, so any host builds for any runtime. Two builds with one interpreter are the same byte for
byte. Run by this folder's Makefile; standard library and pip only.
"""

import argparse
import os
import shutil
import subprocess  # nosec B404 # a build runs programs
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 # plain `sam build` takes whatever python3 is
    sys.exit(f"Python 3.11 or later builds the layer, this is {sys.version.split()[0]}; set LAYER_PYTHON=python3.13")

import interpreters
from cut import cut_data
from pip_settings import pip_environment
from task_reporter.kinds.table import KINDS

HERE = Path(__file__).resolve().parent
PACKAGE = "task_reporter"

OPERATIONS = {
    "dynamodb": ("BatchGetItem", "PutItem", "Query", "TransactWriteItems", "UpdateItem"),
    "ec2": tuple(kind.operation for kind in KINDS.values()),
    "sns": ("GetTopicAttributes", "Publish"),
}
"""What the functions ask of AWS. botocore brings the models of some four hundred services."""

NOT_SHIPPED = ("bin", "**/RECORD", "**/INSTALLER", "**/REQUESTED", "**/__pycache__", "**/py.typed", "**/*.pyi")
"""What pip leaves for itself or for development. METADATA stays: vulnerability scanners read it."""

NOT_USED = (
    "boto3/data",
    "boto3/examples",
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/[!_]*/",
    "dateutil/zoneinfo/*.tar.gz",
)
"""Whole parts of dependencies that nothing here imports: boto3's resources, a web framework, time zones."""
USED_ALL_THE_SAME = {"jmespath_utils", "typing"}
"""Of Powertools' utilities, what its logger imports."""

WITHOUT_BYTECODE = """\
WARNING: no {runtime} was found, so the layer ships without bytecode: a cold start takes about twice as long.
WARNING: Install {runtime}, or deploy with `make deploy`, whose runtime is the version of its own Python."""

EPOCH = 315_532_800
"""1980-01-01, the earliest time that a zip file knows."""


def main() -> None:
    """Build the layer into the folder that `sam build` names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifacts", type=Path, help="folder that becomes the layer")
    parser.add_argument("--runtime", required=True, help="Lambda runtime to ship bytecode for, such as python3.13")
    arguments = parser.parse_args()
    target = arguments.artifacts / "python"
    install(target)
    prune(target)
    compile_bytecode(arguments.artifacts, arguments.runtime)
    settle_times(arguments.artifacts)


def install(target: Path) -> None:
    """Install the pinned dependencies, each checked against its hash, and the package."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    options = ["--no-deps", "--require-hashes", "--requirement", str(HERE / "requirements.txt")]
    command = [*pip, *options, "--target", str(target)]
    subprocess.run(command, env=pip_environment(sys.executable), check=True)  # nosec B603 # no shell, arguments of our own
    shutil.copytree(HERE / PACKAGE, target / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))


def prune(target: Path) -> None:
    """Remove what no function uses."""
    remove(target)
    cut_data(target / "botocore" / "data", OPERATIONS)


def remove(target: Path) -> None:
    """Remove the files that no function uses."""
    for pattern in NOT_SHIPPED + NOT_USED:
        for path in [path for path in target.glob(pattern) if path.name not in USED_ALL_THE_SAME]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def compile_bytecode(artifacts: Path, runtime: str) -> None:
    """Ship bytecode: Lambda can't write any, and without it every cold start compiles every module.

    /opt is where a layer stands in Lambda.
    """
    python = interpreters.find(runtime)
    if python is None:
        # To standard output: `sam build` shows what make writes there, and swallows the rest unless make fails.
        print(WITHOUT_BYTECODE.format(runtime=runtime), flush=True)
        return
    subprocess.run([python, "-I", str(HERE / "bytecode.py"), str(artifacts), "/opt"], check=True)  # nosec B603 # no shell, arguments of our own


def settle_times(artifacts: Path) -> None:
    """One time for every file, so that a zip of them is the same each time."""
    for path in [artifacts, *artifacts.rglob("*")]:
        os.utime(path, (EPOCH, EPOCH))


if __name__ == "__main__":
    main()
