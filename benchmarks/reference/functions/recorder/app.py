"""Schedule → EC2 → DynamoDB, as a tutorial has it.

One list after the other, one put for each task.
"""

import os

import boto3
import jmespath
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
tracer = Tracer()
metrics = Metrics(namespace="reference")

ec2 = boto3.client("ec2")
table = boto3.resource("dynamodb").Table(os.environ["HISTORY_TABLE"])

LISTS = {
    "import-image": (
        "describe_import_image_tasks",
        "ImportImageTasks[?Status=='completed' || Status=='deleted']"
        ".{task_id: ImportTaskId, state: Status, image_id: ImageId, error_message: StatusMessage}",
    ),
    "import-snapshot": (
        "describe_import_snapshot_tasks",
        "ImportSnapshotTasks[?SnapshotTaskDetail.Status=='completed' || SnapshotTaskDetail.Status=='deleted']"
        ".{task_id: ImportTaskId, state: SnapshotTaskDetail.Status, snapshot_id: SnapshotTaskDetail.SnapshotId}",
    ),
    "export-image": (
        "describe_export_image_tasks",
        "ExportImageTasks[?Status=='completed' || Status=='deleted']"
        ".{task_id: ExportImageTaskId, state: Status, bucket: S3ExportLocation.S3Bucket}",
    ),
    "export-instance": (
        "describe_export_tasks",
        "ExportTasks[?State=='completed' || State=='cancelled']"
        ".{task_id: ExportTaskId, state: State, bucket: ExportToS3Task.S3Bucket, object_key: ExportToS3Task.S3Key}",
    ),
    "store-image": (
        "describe_store_image_tasks",
        "StoreImageTaskResults[?StoreTaskState=='Completed' || StoreTaskState=='Failed']"
        ".{task_id: S3objectKey, state: StoreTaskState, resource_id: AmiId, started_at: TaskStartTime}",
    ),
    "replace-root-volume": (
        "describe_replace_root_volume_tasks",
        "ReplaceRootVolumeTasks[?TaskState=='succeeded' || starts_with(TaskState, 'failed')]"
        ".{task_id: ReplaceRootVolumeTaskId, state: TaskState, resource_id: InstanceId, finished_at: CompleteTime}",
    ),
    "conversion": (
        "describe_conversion_tasks",
        "ConversionTasks[?State=='completed' || State=='cancelled']"
        ".{task_id: ConversionTaskId, state: State, resource_id: ImportInstance.InstanceId}",
    ),
    "mac-modification": (
        "describe_mac_modification_tasks",
        "MacModificationTasks[?TaskState=='successful' || TaskState=='failed']"
        ".{task_id: MacModificationTaskId, state: TaskState, resource_id: InstanceId, started_at: StartTime}",
    ),
    "bundle": (
        "describe_bundle_tasks",
        "BundleTasks[?State=='complete' || State=='failed']"
        ".{task_id: BundleId, state: State, resource_id: InstanceId, started_at: StartTime, finished_at: UpdateTime}",
    ),
}
PROJECTIONS = {kind: jmespath.compile(projection) for kind, (_, projection) in LISTS.items()}


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event, context):
    """Record what has finished."""
    recorded = sum(record(kind, operation) for kind, (operation, _) in LISTS.items())
    metrics.add_metric(name="Finished", unit=MetricUnit.Count, value=recorded)
    logger.info("recorded", tasks=recorded)
    return {"recorded": recorded}


@tracer.capture_method
def record(kind, operation):
    """Keep the finished tasks of one list, and return their number."""
    tasks = [task for answer in answers(operation) for task in PROJECTIONS[kind].search(answer)]
    for task in tasks:
        put(kind, task)
    return len(tasks)


def answers(operation):
    """Return all pages of a list."""
    if ec2.can_paginate(operation):
        return ec2.get_paginator(operation).paginate()
    return [getattr(ec2, operation)()]


@tracer.capture_method
def put(kind, task):
    """Keep one task."""
    known = {name: str(value) for name, value in task.items() if value}
    table.put_item(Item={"scope": os.environ["SCOPE"], "kind": kind, "awaiting": "notification", **known})
