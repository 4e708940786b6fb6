"""Cuts botocore's data down to what the functions use of it.

botocore parses a service's whole model for one operation, and every service's endpoints for one endpoint; EC2's model
alone costs some 130 ms of a cold start. What is cut is data that botocore reads, never its code.
"""

import gzip
import json
import shutil
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import Any

MODEL, PAGINATORS, RULES = "service-2.json", "paginators-1.json", "endpoint-rule-set-1.json"
ABOUT_ENDPOINTS = "operationContextParams"
"""What of an operation's input botocore looks for before each request, in case it names another account's table by its
ARN. Ours go by name, and in a full transaction that search takes longer than to make JSON of it.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-account-endpoints.html"""
GLOBAL = ("partition", "partitionName", "regionRegex", "dnsSuffix", "defaults", "regions")
"""What a partition says besides its services."""


def cut_data(data: Path, operations: dict[str, Iterable[str]]) -> None:
    """Leave in botocore's ``data`` folder only the ``operations``: service → their names in its model."""
    for folder in (path for path in data.iterdir() if path.is_dir()):
        versions = sorted(path for path in folder.iterdir() if path.is_dir())
        for unused in versions[:-1] if folder.name in operations else [folder]:
            shutil.rmtree(unused)
        if folder.name in operations:
            cut_service(versions[-1], set(operations[folder.name]))
    rewrite(data / "endpoints.json", lambda whole: of_services(whole, set(operations)))


def cut_service(folder: Path, operations: set[str]) -> None:
    """Leave of one version of a service its ``operations``, and what it takes to send and to understand them."""
    for path in folder.iterdir():
        if not path.name.startswith((MODEL, PAGINATORS, RULES)):
            path.unlink()
    rewrite(unzipped(folder / MODEL), lambda whole: of_operations(whole, operations))
    if (folder / PAGINATORS).is_file():
        rewrite(folder / PAGINATORS, lambda whole: {"pagination": chosen(whole["pagination"], operations)})


def of_operations(model: dict[str, Any], operations: set[str]) -> dict[str, Any]:
    """Return a service model with ``operations`` alone and the shapes that they use, without documentation.

    Raises KeyError where the service has no such operation.
    """
    kept = {name: without_prose(without(ABOUT_ENDPOINTS, model["operations"][name])) for name in sorted(operations)}
    shapes = {name: without_prose(model["shapes"][name]) for name in reached(model["shapes"], named_in(kept))}
    return chosen(model, {"version", "metadata", "clientContextParams"}) | {"operations": kept, "shapes": shapes}


def reached(shapes: dict[str, Any], first: Iterable[str]) -> list[str]:
    """Return the names of the shapes that ``first`` lead to, themselves included."""
    found: set[str] = set()
    left = set(first)
    while left:
        found |= left
        left = {name for one in left for name in named_in(shapes[one])} - found
    return sorted(found)


def named_in(node: Any) -> Iterator[str]:
    """Yield the names of the shapes that are used in a part of a model."""
    for name, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if name == "shape" and isinstance(value, str):
            yield value
        else:
            yield from named_in(value)


def without_prose(node: Any) -> Any:
    """Return a part of a model without its documentation. A member of that name is no text, and stays."""
    if isinstance(node, list):
        return [without_prose(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        name: without_prose(value)
        for name, value in node.items()
        if not (name == "documentation" and isinstance(value, str))
    }


def of_services(endpoints: dict[str, Any], services: set[str]) -> dict[str, Any]:
    """Return the endpoints of ``services`` in every partition and region."""
    partitions = [
        chosen(partition, set(GLOBAL)) | {"services": chosen(partition["services"], services)}
        for partition in endpoints["partitions"]
    ]
    return endpoints | {"partitions": partitions}


def without(name: str, whole: dict[str, Any]) -> dict[str, Any]:
    """``whole`` without its entry ``name``, if it has one."""
    return chosen(whole, whole.keys() - {name})


def chosen(whole: dict[str, Any], names: Set[str]) -> dict[str, Any]:
    """Return the entries of ``whole`` that are ``names``."""
    return {name: value for name, value in whole.items() if name in names}


def unzipped(path: Path) -> Path:
    """``path``, taken out of its own zip file if it stands in one: the layer is zipped as a whole."""
    packed = path.with_name(f"{path.name}.gz")
    if packed.is_file():
        path.write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    return path


def rewrite(path: Path, change: Any) -> None:
    """Put what ``change`` makes of it in the place of the JSON in ``path``."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(change(whole), ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
