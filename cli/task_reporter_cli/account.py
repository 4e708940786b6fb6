"""An AWS account as the person who runs this reaches it: profile, region, and clients."""

import os
from functools import cached_property
from typing import Any

from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session

# A person waits: what can't be reached is said soon. Standard mode retries throttling, server errors and broken
# connections. https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=5,
    read_timeout=30,
    user_agent_extra="ec2-task-reporter",
)


SERVICES = ("cloudformation", "cloudwatch", "dynamodb", "ec2", "lambda", "scheduler", "sns", "sqs")
"""What this command line talks to."""


class QuickLoader(Loader):
    """botocore's loader of service models, which need not look into 400 folders to learn that DynamoDB exists."""

    _wanted = ""

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """The model of a service; the search is spared for those that are surely there."""
        self._wanted = service_name
        return super().load_service_model(service_name, type_name, api_version)

    def list_available_services(self, type_name: str) -> list[str]:
        """The services that there are. Credentials may lead to others, such as sts and sso, so all can be had."""
        if self._wanted in SERVICES:
            return list(SERVICES)
        found: list[str] = super().list_available_services(type_name)
        return found


class Account:
    """Credentials and a region, from arguments or from where every AWS tool takes them."""

    def __init__(self, profile: str | None = None, region: str | None = None) -> None:
        self._profile = profile
        self._region = region

    @cached_property
    def region(self) -> str | None:
        """The region: as given, else AWS_REGION, AWS_DEFAULT_REGION or the profile's; None where none says."""
        # botocore itself does not read AWS_REGION, which the other AWS tools do.
        named = self._region or os.environ.get("AWS_REGION")
        return named or self._session.get_config_variable("region")

    def client(self, service: str, region: str | None = None) -> Any:
        """A client for ``service``, here or in another ``region``. Raises botocore's errors of configuration."""
        return self._session.create_client(service, region_name=region or self.region, config=CONFIG)

    @cached_property
    def _session(self) -> Session:
        session = Session(profile=self._profile)
        paths = (session.get_config_variable("data_path") or "").split(os.pathsep)
        session.register_component("data_loader", QuickLoader(extra_search_paths=[path for path in paths if path]))
        return session
