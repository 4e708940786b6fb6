"""Schedule → EC2 → DynamoDB, as a tutorial has it."""

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

FINISHED = jmespath.compile("BundleTasks[?State=='complete' || State=='failed']")


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event, context):
    """Record what has finished."""
    tasks = FINISHED.search(ec2.describe_bundle_tasks())
    for task in tasks:
        put(task)
    metrics.add_metric(name="Finished", unit=MetricUnit.Count, value=len(tasks))
    logger.info("recorded", tasks=len(tasks))
    return {"recorded": len(tasks)}


@tracer.capture_method
def put(task):
    """Keep one task."""
    table.put_item(
        Item={
            "scope": os.environ["SCOPE"],
            "task_id": task["BundleId"],
            "kind": "bundle",
            "state": task["State"],
            "outcome": task["State"],
            "resource_id": task["InstanceId"],
            "started_at": task["StartTime"].isoformat(),
            "updated_at": task["UpdateTime"].isoformat(),
            "finished_at": task["UpdateTime"].isoformat(),
            "image_location": f"{task['Storage']['S3']['Bucket']}/{task['Storage']['S3']['Prefix']}.manifest.xml",
            "awaiting": "notification",
        }
    )
