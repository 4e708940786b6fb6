"""The deployed handlers of both functions, and the recorder's environment."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from local.environments import ROOT
from task_reporter.runtime import metrics

RECORDER = {
    "HISTORY_TABLE": "history",
    "SCOPE": "123456789012/us-east-2",
    "TASK_KINDS": "bundle",
    "REGIONS": "",
    "ANNOUNCE_HISTORY": "digest",
    "RETENTION_DAYS": "0",
    "EVENT_BUS": "",
    "TOPIC_ARN": "arn:aws:sns:us-east-2:123456789012:notices",
    "EMAIL_SUBSCRIPTION": "true",
    "LOST_AFTER_MINUTES": "15",
    "REDRIVE_AFTER_MINUTES": "10",
    "SILENT_AFTER_MINUTES": "15",
    "MEMBER_ROLE": "",
    "EXTERNAL_ID": "",
    "QUIET_MINUTES": "360",
}


def load(function: str) -> ModuleType:
    """Import the handler's module again, as a cold start does."""
    metrics._log.cache_clear()
    spec = spec_from_file_location(f"{function}_app", ROOT / "functions" / function / "app.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
