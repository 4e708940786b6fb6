"""Requests to AWS that can be shown as aws commands before they are sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore import xform_name

from local.stacks import aws_command


@dataclass(frozen=True)
class AwsCall:
    """One request, which as a command of the aws CLI does the same.

    service     such as ``cloudformation``
    operation   botocore's method, such as ``create_stack_set``
    parameters  botocore's parameters; a Path stands for the text of this file
    options     options of the aws CLI itself, such as ``region``
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    options: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name of the operation in the aws CLI."""
        return self.operation.replace("_", "-")

    def command(self) -> str:
        """Return the request as a shell command."""
        words = [self.service, self.name]
        for name, value in self.parameters.items():
            words += [f"--{xform_name(name, '-')}", *_to_words(value)]
        for name, value in self.options.items():
            words += [f"--{name}", value]
        return aws_command(*words)

    def send(self, client: Any) -> dict[str, Any]:
        """Send the request with a client of botocore; return the answer."""
        parameters = {
            name: value.read_text(encoding="utf-8") if isinstance(value, Path) else value
            for name, value in self.parameters.items()
        }
        answer: dict[str, Any] = getattr(client, self.operation)(**parameters)
        return answer


def _to_words(value: Any) -> list[str]:
    """Return a parameter as words of the aws CLI.

    Structures are JSON.
    """
    match value:
        case Path():
            return [f"file://{value}"]
        case str():
            return [value]
        case list() if all(isinstance(part, str) for part in value):
            return value
    return [json.dumps(value)]
