"""botocore's model of EC2's actions, parameters and results."""

from functools import cache
from typing import Any

from botocore.loaders import create_loader
from botocore.model import ServiceModel

API_VERSION = "2016-11-15"


@cache
def ec2_model() -> Any:
    """Load the ``botocore.model.ServiceModel`` once, because that is slow."""
    # Without a botocore session, which would read the caller's AWS configuration.
    description = create_loader().load_service_model("ec2", "service-2", api_version=API_VERSION)
    return ServiceModel(description, "ec2")
