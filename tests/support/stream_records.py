"""Records of a DynamoDB stream in Lambda's form (page with-ddb)."""

import base64
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
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: Mapping[str, Any]) -> int:
    """Sizes as in the DynamoDB developer guide, page CapacityUnitCalculations."""
    ((kind, value),) = typed.items()
    return _SIZES[kind](value)


def _number_size(text: str) -> int:
    digits = text.strip("-").replace(".", "").strip("0")
    return math.ceil(len(digits) / 2) + 1


_SIZES: dict[str, Callable[[Any], int]] = {
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "S": lambda text: len(text.encode()),
    "N": _number_size,
    "B": lambda text: len(base64.b64decode(text)),
    "SS": lambda members: sum(map(_SIZES["S"], members)),
    "NS": lambda members: sum(map(_SIZES["N"], members)),
    "BS": lambda members: sum(map(_SIZES["B"], members)),
    "L": lambda members: 3 + sum(1 + _value_size(member) for member in members),
    "M": lambda members: 3 + len(members) + _item_size(members),
}


def json_size(record: Record) -> int:
    return len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())
