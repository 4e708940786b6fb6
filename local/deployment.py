"""Deployments of the unchanged template on a local AWS, with the SAM CLI."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.cloud import Cloud
from local.environments import ROOT
from local.process_environment import isolated_environment
from local.processes import run_step
from local.sam import RUNTIME, sam_build_command, sam_deploy_command, sam_variables, write_parameter_file
from task_reporter.history.rows import ROSTER_SCOPE


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed stack."""

    cloud: Cloud
    """The local AWS."""
    stack: str
    """Name of the stack."""
    outputs: Mapping[str, str]
    """Values of the stack's outputs by name."""

    def poll(self) -> dict[str, Any]:
        """Invoke the recorder once, as its schedule does, and return Lambda's answer.

        ``payload`` is the value that the function returned. ``error`` is None unless the function failed.
        """
        answer = self.cloud.client("lambda").invoke(FunctionName=self.outputs["RecorderFunctionName"], Payload=b"{}")
        return {"payload": json.loads(answer["Payload"].read() or b"null"), "error": answer.get("FunctionError")}

    def rows(self) -> list[dict[str, Any]]:
        """Return all tasks in the history, sorted by id."""
        paginator = self.cloud.client("dynamodb").get_paginator("scan")
        pages = paginator.paginate(TableName=self.outputs["HistoryTableName"], ConsistentRead=True)
        items = (item for page in pages for item in page["Items"])
        rows = ({name: next(iter(typed.values())) for name, typed in item.items()} for item in items)
        tasks = (row for row in rows if row["scope"] != ROSTER_SCOPE)
        return sorted(tasks, key=lambda row: str(row["task_id"]))


def build(folder: Path, runtime: str = RUNTIME, template: Path = ROOT / "template.yaml") -> Path:
    """Run `sam build` and return the path of the built template. Raises StepError."""
    target = folder / "build"
    command = sam_build_command("--template-file", str(template), "--build-dir", str(target))
    environment = isolated_environment() | _sam_environment(folder, runtime)
    run_step("sam build", command, environment, ROOT, folder / "build.log")
    return target / "template.yaml"


def deploy(
    cloud: Cloud,
    template: Path,
    parameters: Mapping[str, str],
    stack: str = "ec2-task-reporter",
    runtime: str = RUNTIME,
) -> Deployment:
    """Run `sam deploy` for a built template. Raises StepError."""
    folder = cloud.folder / f"deploy-{stack}"
    folder.mkdir(exist_ok=True)
    values = write_parameter_file(folder, parameters, runtime)
    command = sam_deploy_command(stack, cloud.environment["AWS_REGION"], values, "--template-file", str(template))
    environment = isolated_environment() | _sam_environment(cloud.folder, runtime) | cloud.environment
    run_step("sam deploy", command, environment, ROOT, folder / "sam.log")
    return Deployment(cloud, stack, outputs(cloud, stack))


def outputs(cloud: Cloud, stack: str) -> dict[str, str]:
    """Return the values of a stack's outputs by name."""
    description = cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}


def _sam_environment(folder: Path, runtime: str) -> dict[str, str]:
    """Return the SAM CLI's variables, with which it writes its files into ``folder``."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    return sam_variables(runtime) | {
        "SAM_CLI_POLL_DELAY": "0.3",
        "__SAM_CLI_APP_DIR": str(temporary),
        "TMPDIR": str(temporary),
    }
