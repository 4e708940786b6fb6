"""The services of both sides: an engine, a topic, a canned EC2.

Each is at the end of a network of its own.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import trustme
from botocore.httpsession import DEFAULT_CA_BUNDLE

from benchmarks.engine import NO_EC2, engine, filled, surroundings
from benchmarks.lag import LAG, lagging
from benchmarks.programs import Shell
from benchmarks.rows import RUNNING, SCOPE, of_organization, rows
from local.cloud import local_cloud
from local.process_environment import isolated_environment
from task_reporter.kinds.kind import Kind
from task_reporter.kinds.table import ALL
from tests.integration.engines import Engine
from tests.support.canned_ec2 import Answer, canned_ec2


@dataclass(frozen=True, slots=True)
class Place:
    """The ``engine`` for tables, the ``sns`` endpoint and its ``topic``."""

    engine: Engine
    sns: str
    topic: str
    folder: Path
    _organizations: dict[int, str] = field(default_factory=dict)

    def organization(self, size: int) -> str:
        """Return a table with ``size`` rows of many accounts, made once for all."""
        if size not in self._organizations:
            self._organizations[size] = filled(self.engine, of_organization(size))
        return self._organizations[size]

    def history(self, size: int) -> str:
        """Return a new table with ``size`` rows of ended tasks."""
        return filled(self.engine, islice(rows(size + RUNNING), RUNNING, None))

    @contextmanager
    def shell(
        self,
        table: str,
        lists: Mapping[str, Answer] | None = None,
        *answers: Answer,
        lag: float = LAG,
        dynamodb: str | None = None,
        tls: bool = False,
        kinds: Sequence[Kind] = ALL,
        announce_history: str = "digest",
        bus: str = "",
    ) -> Iterator[Shell]:
        """Run functions as if each service were ``lag`` seconds away.

        With ``tls`` they use TLS, as with AWS.

        EC2 answers operations as in ``lists``, and others with ``answers`` in turn. DynamoDB is at ``dynamodb`` if that
        is not the engine itself. The notifier sends events to ``bus``.
        """
        secret, trust = _encryption(self.folder) if tls else (None, {})
        with ExitStack() as stack:
            url = NO_EC2
            if lists or answers:
                ec2 = stack.enter_context(canned_ec2(*answers))
                ec2.by_action |= lists or {}
                url = ec2.url
            near = {"EC2": url, "DYNAMODB": dynamodb or self.engine.endpoint, "SNS": self.sns, "EVENTBRIDGE": self.sns}
            wires = {
                f"AWS_ENDPOINT_URL_{name}": stack.enter_context(lagging(at, lag, secret)) if lag or secret else at
                for name, at in near.items()
            }
            given = variables(table, self.topic, kinds) | {"ANNOUNCE_HISTORY": announce_history, "EVENT_BUS": bus}
            yield Shell(self._surroundings | wires | given | trust, self.folder)

    @property
    def _surroundings(self) -> Mapping[str, str]:
        return isolated_environment() | surroundings(self.engine)


def _encryption(folder: Path) -> tuple[SSLContext, Mapping[str, str]]:
    """Make a service's certificate, and a file of trusted authorities with its own.

    The file has all usual authorities too.
    """
    authority, context = trustme.CA(), SSLContext(PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = folder / "authorities.pem"
    bundle.write_bytes(Path(DEFAULT_CA_BUNDLE).read_bytes() + authority.cert_pem.bytes())
    return context, {"AWS_CA_BUNDLE": str(bundle)}


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """Yield an engine and a topic, while the context lasts. Raises StepError."""
    with local_cloud(folder, NO_EC2) as cloud, engine(folder) as running:
        topic = cloud.client("sns").create_topic(Name="bench")["TopicArn"]
        yield Place(running, cloud.endpoint, topic, folder)


def variables(table: str, topic: str, kinds: Sequence[Kind]) -> Mapping[str, str]:
    """Return the functions' environment: what the template gives them, and what Lambda does."""
    return {
        "HISTORY_TABLE": table,
        "TOPIC_ARN": topic,
        "EMAIL_SUBSCRIPTION": "false",
        "SCOPE": SCOPE,
        "SCOPES": SCOPE,
        "TASK_KINDS": ",".join(kind.name for kind in kinds),
        "QUIET_MINUTES": "360",
        "RETENTION_DAYS": "0",
        "CHAT_NOTICES": "false",
        "DIGEST_ABOVE": "5",
        "LOST_AFTER_MINUTES": "15",
        "REDRIVE_AFTER_MINUTES": "10",
        "SILENT_AFTER_MINUTES": "15",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "LAMBDA_TASK_ROOT": "/var/task",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
        "AWS_CONFIG_FILE": os.devnull,
    }
