"""EC2 and STS of a whole organization, with good and bad accounts.

A process of its own, without any library, so that it takes little of the processor that it shares with the workers.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter

DELAY = 0.05
SLOW = 1.0
ACCOUNT = re.compile(rb"Credential=ASIA(\d{12})[^/]*/\d+/([a-z0-9-]+)/")
ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
ROLE = re.compile(rb"RoleArn=arn%3Aaws%3Aiam%3A%3A(\d{12})%3A")
LENGTH = re.compile(rb"(?i)content-length: *(\d+)")

ERROR = "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors></Response>"
DENIED = ERROR.format("UnauthorizedOperation", "You are not authorized to perform this operation.").encode()
THROTTLED = ERROR.format("RequestLimitExceeded", "Request limit exceeded.").encode()


class Stub:
    """The state of the stub.

    - ``regions``: those that are enabled in every account.
    - ``lists``: operation → the XML name of its list.
    - ``plays``: account → ``denied``, ``throttled``, ``slow`` or ``no-role``.
    """

    def __init__(self, setup: dict) -> None:
        self.plays = setup["plays"]
        regions = "".join(f"<item><regionName>{region}</regionName></item>" for region in setup["regions"])
        self.answers = {
            operation.encode(): f"<{operation}Response><{name}/></{operation}Response>".encode()
            for operation, name in setup["lists"].items()
        }
        self.answers[b"DescribeRegions"] = (
            f"<DescribeRegionsResponse><regionInfo>{regions}</regionInfo></DescribeRegionsResponse>".encode()
        )
        self.calls: Counter[str] = Counter()
        self.last: dict[str, float] = {}

    async def answer(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer to one request."""
        action = ACTION.search(body)
        name = action.group(1) if action else b""
        if name == b"AssumeRole":
            return await self.assume(ROLE.search(body).group(1).decode())
        account = ACCOUNT.search(head).group(1).decode()
        play = self.plays.get(account)
        self.calls[play or ""] += 1
        self.last[account] = time.time()
        await asyncio.sleep(SLOW if play == "slow" else DELAY)
        if play == "denied":
            return 403, DENIED
        if play == "throttled":
            return 503, THROTTLED
        return 200, self.answers[name]

    async def assume(self, account: str) -> tuple[int, bytes]:
        """Return credentials whose key names the account."""
        self.calls["AssumeRole"] += 1
        await asyncio.sleep(DELAY)
        if self.plays.get(account) == "no-role":
            return 403, b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
        credentials = (
            f"<AccessKeyId>ASIA{account}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
            f"<SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
        )
        result = f"<AssumeRoleResult><Credentials>{credentials}</Credentials></AssumeRoleResult>"
        return 200, f"<AssumeRoleResponse>{result}</AssumeRoleResponse>".encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                body = await reader.readexactly(int(length.group(1))) if length else b""
                if head.startswith(b"GET"):
                    numbers = {"calls": self.calls, "last": self.last}
                    status, content = 200, json.dumps(numbers).encode()
                else:
                    status, content = await self.answer(head, body)
                writer.write(
                    b"HTTP/1.1 %d X\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%b"
                    % (status, len(content), content)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def main() -> None:
    """Serve on a free port, which is printed; read the set-up as JSON."""
    stub = Stub(json.loads(sys.stdin.readline()))
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0, limit=1 << 20, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
