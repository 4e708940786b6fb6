"""The local EC2: an HTTP endpoint that runs the tasks of all nine lists.

boto3, botocore and the aws CLI can use it. It replaces EC2 in the demo, in ``make local`` and in tests. As in EC2, its
tasks make progress, end, and disappear from the list. Its clock can run faster. It has one account and one region,
checks no signatures and stores everything in memory.

    with Ec2Server(speed=200) as ec2:
        client = boto3.client("ec2", endpoint_url=ec2.url, ...)
"""

from local.ec2.errors import Ec2Error
from local.ec2.server import Ec2Server

__all__ = ["Ec2Error", "Ec2Server"]
