"""An AWS account as its user reaches it: profile, region, and clients."""

import os
from functools import cached_property
from typing import Any

from boto3.session import Session as Boto3Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, InvalidConfigError, NoCredentialsError
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError
from botocore.session import Session

from task_reporter_cli.aws.credentials import SOURCE_MEMBER, CredentialChain

# A person waits: what can't be reached is said soon. Standard mode retries throttling, server errors and broken
# connections. https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=5,
    read_timeout=30,
    user_agent_extra="ec2-task-reporter",
)


SERVICES = ("cloudformation", "cloudwatch", "dynamodb", "ec2", "events", "lambda", "scheduler", "sns", "sqs", "sts")
"""Services that this command line uses."""


class QuickLoader(Loader):
    """botocore's loader of service models, without its search through 400 folders."""

    _service = ""

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """Return the model of a service; services in use are not searched for."""
        self._service = service_name
        return super().load_service_model(service_name, type_name, api_version)

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the names of all services.

        Credentials may need others than this command line, such as sts and sso.
        """
        if self._service in SERVICES:
            return list(SERVICES)
        found: list[str] = super().list_available_services(type_name)
        return found


class Account:
    """Credentials and a region, from arguments or from where every AWS tool takes them."""

    def __init__(self, profile: str | None = None, region: str | None = None, is_quiet: bool = False) -> None:
        self._profile = profile
        self._region = region
        self._is_quiet = is_quiet

    @cached_property
    def region(self) -> str | None:
        """The region: as given, else AWS_REGION, AWS_DEFAULT_REGION or the profile's; None where none says."""
        # botocore itself does not read AWS_REGION, which the other AWS tools do.
        named = self._region or os.environ.get("AWS_REGION")
        return named or self._session.get_config_variable("region")

    def client(self, service: str, region: str | None = None) -> Any:
        """Make a client for ``service``, with credentials that are valid now.

        Its region is the account's, or another ``region``.

        The first one may ask for an MFA code on the terminal. Raises CredentialsError where there are no credentials,
        and botocore's errors of configuration.
        """
        try:
            made = self._boto3.client(service, region_name=region or self.region)
        except BotoCoreError:
            raise
        except ValueError as error:  # of a setting that should be a number, or a URL
            raise InvalidConfigError(error_msg=str(error)) from error
        self._sign_in()
        return made

    def _sign_in(self) -> None:
        credentials = self._session.get_credentials()
        if credentials is None:
            raise self._chain.missing_error() from NoCredentialsError()
        self._chain.check_values(credentials.method, credentials.get_frozen_credentials())

    @property
    def _chain(self) -> CredentialChain:
        chain: CredentialChain = self._session.get_component("credential_provider")
        return chain

    @cached_property
    def _boto3(self) -> Boto3Session:
        return Boto3Session(botocore_session=self._session)

    def _make_chain(self) -> CredentialChain:
        return CredentialChain(self._session, self.region, self._is_quiet)

    @cached_property
    def _session(self) -> Session:
        session = Session(profile=self._profile)
        session.set_default_client_config(CONFIG)  # for the clients with which botocore gets credentials, too
        paths = (session.get_config_variable("data_path") or "").split(os.pathsep)
        session.register_component("data_loader", QuickLoader(extra_search_paths=[path for path in paths if path]))
        session.lazy_register_component("credential_provider", self._make_chain)
        check: Any = self._check_answer
        session.register("after-call", check, unique_id="check-answer")
        return session

    def _check_answer(self, http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        """Say in a refusal whose credentials were refused. Raises ResponseParserError for half an answer."""
        if "Error" in parsed:
            parsed[SOURCE_MEMBER] = self._chain.name_source(self._session.get_credentials())
        elif "json" in model.service_model.resolved_protocol and not http_response.content.rstrip().endswith(b"}"):
            # botocore takes JSON that it can't parse to be an answer without any members.
            raise ResponseParserError(f"the answer to {model.name} is no whole JSON")
