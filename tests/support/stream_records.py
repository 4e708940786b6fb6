"""Records of a DynamoDB stream in Lambda's form (page with-ddb)."""

import json
import math
import uuid
from collections.abc import Callable, Mapping
from typing import Any

Record = dict[str, Any]

REGION = "us-east-2"
STREAM_ARN = f"arn:aws:dynamodb:{REGION}:123456789012:table/history/stream/2026-11-23T12:00:00.000"


def stream_record(
    event_name: str, keys: Mapping[str, Any], new_image: Mapping[str, Any] | None, *, sequence: int, created: float
) -> Record:
    """Return one record in Lambda's form (page with-ddb).

    Observed: the creation time is a number of whole seconds, and SizeBytes counts the keys and the image.
    """
    shown = {"Keys": keys} if new_image is None else {"Keys": keys, "NewImage": new_image}
    return {
        "eventID": uuid.uuid5(uuid.NAMESPACE_OID, str(sequence)).hex,
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": float(int(created)),
            **{name: dict(item) for name, item in shown.items()},
            "SequenceNumber": str(sequence),
            "SizeBytes": sum(_item_size(item) for item in shown.values()),
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": STREAM_ARN,
    }


def sequence_of(record: Mapping[str, Any]) -> str:
    sequence: str = record["dynamodb"]["SequenceNumber"]
    return sequence


def created_at(record: Record) -> float:
    created: float = record["dynamodb"]["ApproximateCreationDateTime"]
    return created


def _item_size(item: Mapping[str, Any]) -> int:
    """Return an item's size in bytes (DynamoDB's page CapacityUnitCalculations)."""
    return sum(len(name.encode()) + _SIZES[kind](text) for name, typed in item.items() for kind, text in typed.items())


def _number_size(text: str) -> int:
    return math.ceil(len(text.strip("-").replace(".", "").strip("0")) / 2) + 1


_SIZES: dict[str, Callable[[str], int]] = {"S": lambda text: len(text.encode()), "N": _number_size}
"""The types of the history's attributes."""


def json_size(record: Record) -> int:
    return len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())
