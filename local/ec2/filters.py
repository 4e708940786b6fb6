"""EC2's filters: names joined with AND, values with OR, wildcards in the values.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html#Filtering_Resources_CLI
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from local.ec2.errors import Ec2Error

Row = Mapping[str, Any]
Fields = Mapping[str, Sequence[str]]

# Name of a filter → path of the compared value, as botocore's member names.
TASK_FIELDS: Fields = {
    "bundle-id": ("BundleId",),
    "error-code": ("BundleTaskError", "Code"),
    "error-message": ("BundleTaskError", "Message"),
    "instance-id": ("InstanceId",),
    "progress": ("Progress",),
    "s3-bucket": ("Storage", "S3", "Bucket"),
    "s3-prefix": ("Storage", "S3", "Prefix"),
    "start-time": ("StartTime",),
    "state": ("State",),
    "update-time": ("UpdateTime",),
}
IMAGE_FIELDS: Fields = {
    "block-device-mapping.snapshot-id": ("BlockDeviceMappings", "Ebs", "SnapshotId"),
    "image-id": ("ImageId",),
    "manifest-location": ("ImageLocation",),
    "name": ("Name",),
    "state": ("State",),
}

_TOKEN = re.compile(r"\\(?P<escaped>.)|(?P<wild>[*?])|(?P<plain>.)", re.DOTALL)
_WILD = {"*": ".*", "?": "."}


def select(rows: Iterable[Row], filters: Iterable[Mapping[str, Any]], fields: Fields) -> list[Row]:
    """Return the rows that pass every filter, in their order.

    A row without the compared value passes no filter, and no row passes a filter without values.
    Raises Ec2Error (InvalidParameterValue) for a filter that is not in ``fields``.
    """
    conditions = [(_path(entry, fields), entry.get("Values", [])) for entry in filters]
    return [row for row in rows if all(_passes(_values(row, path), globs) for path, globs in conditions)]


def matches(glob: str, text: str) -> bool:
    r"""Tell whether all of ``text`` matches ``glob``, with its `*`, `?` and `\`."""
    return _compile(glob).fullmatch(text) is not None


def _path(entry: Mapping[str, Any], fields: Fields) -> Sequence[str]:
    # EC2's own message contains 'null' for an absent name.
    name = entry.get("Name", "null")
    if name not in fields:
        raise Ec2Error("InvalidParameterValue", f"The filter '{name}' is invalid")
    return fields[name]


def _values(row: Row, path: Sequence[str]) -> list[Any]:
    """Return the values at ``path``: several where there is a list on it."""
    values: list[Any] = [row]
    for name in path:
        found = [value[name] for value in values if value.get(name)]
        values = [item for value in found for item in (value if isinstance(value, list) else [value])]
    return values


def _passes(values: Sequence[str], globs: Iterable[str]) -> bool:
    return any(matches(glob, value) for glob in globs for value in values)


@lru_cache(maxsize=1024)
def _compile(glob: str) -> re.Pattern[str]:
    return re.compile("".join(map(_to_regex, _TOKEN.finditer(glob))), re.DOTALL)


def _to_regex(token: re.Match[str]) -> str:
    if token["wild"]:
        return _WILD[token["wild"]]
    return re.escape(token["escaped"] or token["plain"])
