"""The unchanged template, built and deployed by the SAM CLI as a user would."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.cloud import Cloud
from local.environments import ROOT
from local.own_environment import own_environment
from local.processes import run
from local.sam import RUNTIME, parameter_file, sam_build, sam_deploy, sam_variables
from task_reporter.history.rows import POLL_PREFIX


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed stack: its name, and its outputs by name."""

    cloud: Cloud
    stack: str
    outputs: Mapping[str, str]

    def poll(self) -> dict[str, Any]:
        """Invoke the recorder once, as its schedule does, and wait for its answer.

        The answer of Lambda: ``payload``, and ``error`` where the function failed.
        """
        answer = self.cloud.client("lambda").invoke(FunctionName=self.outputs["RecorderFunctionName"], Payload=b"{}")
        return {"payload": json.loads(answer["Payload"].read() or b"null"), "error": answer.get("FunctionError")}

    def rows(self) -> list[dict[str, Any]]:
        """All tasks in the history, by id."""
        paginator = self.cloud.client("dynamodb").get_paginator("scan")
        pages = paginator.paginate(TableName=self.outputs["HistoryTableName"], ConsistentRead=True)
        items = (item for page in pages for item in page["Items"])
        rows = ({name: next(iter(typed.values())) for name, typed in item.items()} for item in items)
        tasks = (row for row in rows if not str(row["task_id"]).startswith(POLL_PREFIX))
        return sorted(tasks, key=lambda row: str(row["task_id"]))


def build(folder: Path, runtime: str = RUNTIME, template: Path = ROOT / "template.yaml") -> Path:
    """`sam build` of ``template``; the built one. Raises StepFailed."""
    built = folder / "build"
    command = sam_build("--template-file", str(template), "--build-dir", str(built))
    run("sam build", command, own_environment() | _tools(folder, runtime), ROOT, folder / "build.log")
    return built / "template.yaml"


def deploy(
    cloud: Cloud,
    template: Path,
    parameters: Mapping[str, str],
    stack: str = "ec2-task-reporter",
    runtime: str = RUNTIME,
) -> Deployment:
    """`sam deploy` of a built template, new or over an older one. Raises StepFailed."""
    folder = cloud.folder / f"deploy-{stack}"
    folder.mkdir(exist_ok=True)
    values = parameter_file(folder, parameters, runtime)
    command = sam_deploy(stack, cloud.environment["AWS_REGION"], values, "--template-file", str(template))
    environment = own_environment() | _tools(cloud.folder, runtime) | cloud.environment
    run("sam deploy", command, environment, ROOT, folder / "sam.log")
    return Deployment(cloud, stack, outputs(cloud, stack))


def outputs(cloud: Cloud, stack: str) -> dict[str, str]:
    """Return the outputs of a deployed stack."""
    described = cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def _tools(folder: Path, runtime: str) -> dict[str, str]:
    """Return the environment of the SAM CLI; the files that it leaves are in ``folder``."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    return sam_variables(runtime) | {
        "SAM_CLI_POLL_DELAY": "0.3",
        "__SAM_CLI_APP_DIR": str(temporary),
        "TMPDIR": str(temporary),
    }
