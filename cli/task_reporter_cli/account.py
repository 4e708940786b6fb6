"""An AWS account as the person who runs this reaches it: profile, region, and clients."""

import os
from functools import cached_property
from typing import Any

from botocore.config import Config
from botocore.session import Session

# A person waits: what can't be reached is said soon. Standard mode retries throttling, server errors and broken
# connections. https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=5,
    read_timeout=30,
    user_agent_extra="ec2-task-reporter",
)


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
        return Session(profile=self._profile)
