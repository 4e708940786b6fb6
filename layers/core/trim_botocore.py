"""Trims botocore's data to the operations that the functions call.

botocore parses a service's whole model for one operation, and the endpoints of all services for one endpoint. EC2's
model alone adds about 130 ms to a cold start. Only data files are trimmed, never code.
"""

import gzip
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

MODEL, PAGINATORS, RULES = "service-2.json", "paginators-1.json", "endpoint-rule-set-1.json"
ENDPOINT_PARAMETERS = "operationContextParams"
"""Part of an operation that names the input parameters for endpoint rules.

botocore searches each request for these parameters, because the ARN of another account's table would change the
endpoint. The functions use table names only, and in a full transaction the search takes longer than the serialization.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-account-endpoints.html
"""
PARTITION_KEYS = ("partition", "partitionName", "regionRegex", "dnsSuffix", "defaults", "regions")
"""The keys of a partition in ``endpoints.json``, apart from its services."""


def trim_data(data: Path, operations: dict[str, Iterable[str]]) -> None:
    """Remove everything from botocore's ``data`` folder that ``operations`` do not need.

    ``operations`` maps the name of a service to the names of its operations. Only the newest version of each service
    stays.
    """
    for folder in (path for path in data.iterdir() if path.is_dir()):
        versions = sorted(path for path in folder.iterdir() if path.is_dir())
        for unused in versions[:-1] if folder.name in operations else [folder]:
            shutil.rmtree(unused)
        if folder.name in operations:
            trim_service(versions[-1], set(operations[folder.name]))
    rewrite_json(data / "endpoints.json", lambda endpoints: trim_endpoints(endpoints, operations.keys()))


def trim_service(folder: Path, operations: set[str]) -> None:
    """Remove everything from the folder of a service's version that ``operations`` do not need."""
    for path in folder.iterdir():
        if not path.name.startswith((MODEL, PAGINATORS, RULES)):
            path.unlink()
    rewrite_json(decompress(folder / MODEL), lambda model: trim_model(model, operations))
    if (folder / PAGINATORS).is_file():
        rewrite_json(folder / PAGINATORS, lambda file: {"pagination": select(file["pagination"], operations)})


def trim_model(model: dict[str, Any], operations: set[str]) -> dict[str, Any]:
    """Return a service model with only ``operations`` and their shapes, without documentation.

    Raises KeyError if the service has no such operation.
    """
    selected = {name: dict(model["operations"][name]) for name in sorted(operations)}
    for operation in selected.values():
        operation.pop(ENDPOINT_PARAMETERS, None)
    shapes = select(model["shapes"], reachable_shapes(model["shapes"], shape_names(selected)))
    parts = {"operations": remove_documentation(selected), "shapes": remove_documentation(shapes)}
    return select(model, {"version", "metadata", "clientContextParams"}) | parts


def reachable_shapes(shapes: dict[str, Any], roots: Iterable[str]) -> set[str]:
    """Return ``roots`` and the names of all shapes that they use, directly or not."""
    names: set[str] = set()
    pending = set(roots)
    while pending:
        names |= pending
        pending = set(shape_names([shapes[name] for name in pending])) - names
    return names


def shape_names(node: Any) -> Iterator[str]:
    """Yield the names of the shapes that a part of a model refers to."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key == "shape" and isinstance(value, str):
            yield value
        else:
            yield from shape_names(value)


def remove_documentation(node: Any) -> Any:
    """Return a part of a model without its documentation.

    Documentation is always text. A member that is named ``documentation`` is an object, and stays.
    """
    if isinstance(node, list):
        return [remove_documentation(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: remove_documentation(value)
        for key, value in node.items()
        if not (key == "documentation" and isinstance(value, str))
    }


def trim_endpoints(endpoints: dict[str, Any], services: Iterable[str]) -> dict[str, Any]:
    """Return the endpoints of ``services`` in every partition and region."""
    partitions = [
        select(partition, PARTITION_KEYS) | {"services": select(partition["services"], services)}
        for partition in endpoints["partitions"]
    ]
    return endpoints | {"partitions": partitions}


def select(mapping: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return the entries of ``mapping`` whose key is in ``keys``."""
    selected_keys = set(keys)
    return {key: value for key, value in mapping.items() if key in selected_keys}


def decompress(path: Path) -> Path:
    """Decompress ``path.gz``, if it exists: the layer is compressed as a whole."""
    compressed = path.with_name(f"{path.name}.gz")
    if compressed.is_file():
        path.write_bytes(gzip.decompress(compressed.read_bytes()))
        compressed.unlink()
    return path


def rewrite_json(path: Path, change: Callable[[Any], Any]) -> None:
    """Replace the JSON in ``path`` by the result of ``change``."""
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(change(content), ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
