"""Stream → SNS, as a tutorial has it."""

import json
import os

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

logger = Logger()
tracer = Tracer()
metrics = Metrics(namespace="reference")
processor = BatchProcessor(event_type=EventType.DynamoDBStreams)

sns = boto3.client("sns")


@tracer.capture_method
def tell(record: DynamoDBRecord):
    """Publish one task."""
    task = record.dynamodb.new_image
    sns.publish(
        TopicArn=os.environ["TOPIC_ARN"],
        Subject=f"{task['task_id']} {task['outcome']}",
        Message=json.dumps(task, default=str),
    )
    metrics.add_metric(name="Told", unit=MetricUnit.Count, value=1)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event, context):
    """Publish each record's task."""
    return process_partial_response(event=event, record_handler=tell, processor=processor, context=context)
