"""Steps of tests on a deployed stack: tasks, polls, rows, commands."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from local.deployment import Deployment
from local.process_environment import isolated_environment
from task_reporter.times import now, to_text
from tests.support.waiting import eventually

TASK_REPORTER = Path(sys.executable).with_name("task-reporter")
ENDED = to_text(now() - timedelta(days=5))
STARTED = to_text(now() - timedelta(days=5, minutes=35, seconds=10))


def task(task_id: str, state: str, **more: Any) -> dict[str, Any]:
    """Return a bundle task as EC2 lists it."""
    times = {"StartTime": STARTED, "UpdateTime": ENDED}
    return {"InstanceId": f"i-{task_id}", "BundleId": task_id, "State": state, **times, **more}


def failure(code: str, message: str) -> dict[str, Any]:
    return {"BundleTaskError": {"Code": code, "Message": message}}


def row_of(deployment: Deployment, task_id: str) -> dict[str, Any] | None:
    return next((row for row in deployment.rows() if row["task_id"] == task_id), None)


def roster_row(deployment: Deployment) -> dict[str, str]:
    """Return the row about the reporter itself."""
    key = {"scope": {"S": "roster"}, "task_id": {"S": "000000000000"}}
    dynamodb, table = deployment.cloud.client("dynamodb"), deployment.outputs["HistoryTableName"]
    item = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    return {name: next(iter(typed.values())) for name, typed in item.items()}


def told_row(deployment: Deployment, task_id: str) -> dict[str, Any]:
    """Return the row of a task once it has been announced."""

    def row() -> dict[str, Any] | None:
        found = row_of(deployment, task_id)
        return found if found and "notified_at" in found else None

    return eventually(row)


def poll(deployment: Deployment) -> dict[str, Any]:
    answer = deployment.poll()
    assert answer["error"] is None, answer
    return answer["payload"]["bundle"]


def run(deployment: Deployment, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Return the program, run on the deployed stack with further ``variables`` of its environment."""
    command, environment = [str(TASK_REPORTER), *arguments], environment_of(deployment) | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def environment_of(deployment: Deployment) -> dict[str, str]:
    """Return the environment in which the program finds the deployed stack."""
    return {**isolated_environment(), **deployment.cloud.environment, "TASK_REPORTER_STACK": deployment.stack}


def parts(deployment: Deployment) -> dict[str, tuple[str, str]]:
    """Return `status` by part: level and text; check its exit status."""
    done = run(deployment, "status", "--output", "json")
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["well"] else 1)
    return {one["part"]: (one["level"], one["text"]) for one in told["parts"]}


@contextmanager
def setting(deployment: Deployment, function: str = "RecorderFunctionName", **changes: str | None) -> Iterator[None]:
    """Yield a function's environment with ``changes``; None takes a variable away."""
    functions, name = deployment.cloud.client("lambda"), deployment.outputs[function]
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    changed = {key: value for key, value in {**variables, **changes}.items() if value is not None}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
