"""The local EC2: an HTTP endpoint that boto3, botocore and the aws CLI take for EC2's bundle tasks.

It stands in for EC2 in the demo, in ``make local`` and in tests: tasks live on a clock that can be
sped up, fail and age out of the list as EC2's do. It has one account and one region, checks no
signatures and keeps everything in memory.

    with Ec2Server(speed=200) as ec2:
        client = boto3.client("ec2", endpoint_url=ec2.url, ...)
"""

from local.ec2.errors import Ec2Error
from local.ec2.server import Ec2Server

__all__ = ["Ec2Error", "Ec2Server"]
