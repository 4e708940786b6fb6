"""The kinds of task that this version watches."""

from collections.abc import Mapping
from typing import Any

from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.conversion import CONVERSION
from task_reporter.kinds.export_image import EXPORT_IMAGE
from task_reporter.kinds.export_instance import EXPORT_INSTANCE
from task_reporter.kinds.import_image import IMPORT_IMAGE
from task_reporter.kinds.import_snapshot import IMPORT_SNAPSHOT
from task_reporter.kinds.kind import Kind
from task_reporter.kinds.mac_modification import MAC_MODIFICATION
from task_reporter.kinds.replace_root_volume import REPLACE_ROOT_VOLUME
from task_reporter.kinds.store_image import STORE_IMAGE

ALL = (
    IMPORT_IMAGE, IMPORT_SNAPSHOT, EXPORT_IMAGE, EXPORT_INSTANCE, STORE_IMAGE, REPLACE_ROOT_VOLUME, CONVERSION,
    MAC_MODIFICATION, BUNDLE,
)  # fmt: skip
KINDS: dict[str, Kind] = {kind.name: kind for kind in ALL}
"""Name → kind. To add a kind, see docs/adding-a-kind.md."""

FIRST_OWN_ATTRIBUTES = tuple(BUNDLE.attributes)
"""The kinds' own attributes that have a CSV column of their own."""


def kind_of(row: Mapping[str, Any]) -> Kind:
    """Return the kind of ``row``, or a general kind where it is unknown."""
    name = str(row.get("kind", "unknown"))
    return KINDS.get(name) or Kind(name=name, operation="", projection="", endings={})
