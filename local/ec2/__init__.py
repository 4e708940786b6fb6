"""The local EC2: an HTTP endpoint that runs the tasks of all nine lists.

boto3, botocore and the aws CLI can use it. It replaces EC2 in the demo, in ``make local`` and in tests. As in EC2, its
tasks make progress, end, and disappear from the list. Its clock can run faster. Each account has its own tasks in each
region; a request's signature, which is not checked, tells its account and its region. Everything is stored in memory.

    with Ec2Server(speed=200) as ec2:
        client = boto3.client("ec2", endpoint_url=ec2.url, ...)

Accounts and regions can play denials and faults:

    with ec2.play("denied-by-scp", region="ap-*"):
        ...
"""

from local.ec2.caller import StsAccounts
from local.ec2.errors import Ec2Error
from local.ec2.server import Ec2Server

__all__ = ["Ec2Error", "Ec2Server", "StsAccounts"]
