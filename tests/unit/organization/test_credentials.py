"""The credentials with which requests to many accounts are signed."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, Lock

import botocore.session
import pytest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError

from task_reporter.errors import NoRoleError
from task_reporter.kinds.table import KINDS
from task_reporter.organization.credentials import SESSION_NAME, CurrentCredentials, MemberRoles, as_member
from tests.support.canned_ec2 import told
from tests.support.clock import Clock
from tests.support.http_server import http_server
from tests.support.organization import ACCOUNT, HUB, OTHER, SECRET, FakeSts, Hub, error

OWN = ReadOnlyCredentials(f"key-{HUB}-0", SECRET, SECRET)


def arn(account):
    return f"arn:aws:iam::{account}:role/ec2-task-reporter-member"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sts(clock):
    return FakeSts(clock)


@pytest.fixture
def roles(sts, clock):
    return MemberRoles(sts, arn, "external", HUB, lambda: OWN, clock)


def key_of(credentials):
    return credentials.access_key


# Sessions


def test_a_session_serves_until_five_minutes_before_its_end(roles, sts, clock):
    first = roles.credentials(ACCOUNT)
    clock.forward(55)
    assert roles.credentials(ACCOUNT) is first
    clock.forward(0.1)
    assert key_of(roles.credentials(ACCOUNT)) == f"key-{ACCOUNT}-2"
    assert sts.assumed == [ACCOUNT] * 2


def test_each_account_has_its_own_session(roles, sts):
    keys = [key_of(roles.credentials(account)) for account in (ACCOUNT, OTHER, ACCOUNT)]
    assert keys == [f"key-{ACCOUNT}-1", f"key-{OTHER}-2", f"key-{ACCOUNT}-1"]


def test_the_hubs_account_is_read_with_the_recorders_role(roles, sts):
    assert roles.credentials(HUB) is OWN
    assert roles.renewed(HUB, OWN) is OWN
    assert sts.assumed == []


def test_the_request_names_role_session_and_external_id(clock):
    asked = []

    class Sts(FakeSts):
        def assume_role(self, **request):
            asked.append(request)
            return super().assume_role(**request)

    MemberRoles(Sts(clock), arn, "external", HUB, lambda: OWN, clock).credentials(ACCOUNT)
    names = {"RoleArn": arn(ACCOUNT), "RoleSessionName": SESSION_NAME, "ExternalId": "external"}
    assert asked == [names | {"DurationSeconds": 3600}]


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_a_refused_role_is_no_role(roles, sts, code):
    sts.refused[ACCOUNT] = error(code, f"User: {SECRET} is not authorized")
    with pytest.raises(NoRoleError, match=ACCOUNT) as caught:
        roles.credentials(ACCOUNT)
    assert SECRET not in str(caught.value)
    del sts.refused[ACCOUNT]
    assert roles.credentials(ACCOUNT)


@pytest.mark.parametrize("code", ["Throttling", "ExpiredToken", "RegionDisabledException", "InternalFailure"])
def test_another_error_says_nothing_of_the_role(roles, sts, code):
    sts.refused[ACCOUNT] = error(code)
    with pytest.raises(ClientError, match=code):
        roles.credentials(ACCOUNT)


def test_a_refused_account_affects_no_other(roles, sts):
    sts.refused[ACCOUNT] = error("AccessDenied")
    with pytest.raises(NoRoleError):
        roles.credentials(ACCOUNT)
    assert roles.credentials(OTHER)


# Renewal


def test_many_threads_renew_once(roles, sts):
    refused = roles.credentials(ACCOUNT)
    barrier = Barrier(16)

    def renew(_number):
        barrier.wait()
        return key_of(roles.renewed(ACCOUNT, refused))

    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(renew, range(16)))
    assert keys == {f"key-{ACCOUNT}-2"}
    assert sts.assumed == [ACCOUNT] * 2


def test_each_refused_session_is_renewed(roles, sts):
    first = roles.credentials(ACCOUNT)
    second = roles.renewed(ACCOUNT, first)
    third = roles.renewed(ACCOUNT, second)
    assert roles.renewed(ACCOUNT, first) is third
    assert len(sts.assumed) == 3


CODES = ["RequestExpired", "ExpiredToken", "ExpiredTokenException", "AuthFailure", "InvalidClientTokenId"]


@pytest.mark.parametrize("code", CODES)
def test_a_list_is_asked_once_more_with_new_credentials(code):
    hub = Hub()
    hub.join(ACCOUNT)
    hub.roles.credentials(ACCOUNT)

    def expire(_request):
        if CurrentCredentials().get_frozen_credentials().access_key == f"key-{ACCOUNT}-1":
            raise error(code)

    hub.ec2.before = expire
    result = hub.work({"us-east-1": ("bundle", "conversion")})
    assert sorted(result.polled.good) == ["bundle", "conversion"]
    assert hub.sts.assumed == [ACCOUNT] * 2


def test_a_list_that_stays_expired_fails_after_two_requests():
    hub = Hub()
    hub.join(ACCOUNT)

    def expire(_request):
        raise error("RequestExpired")

    hub.ec2.before = expire
    result = hub.work({"us-east-1": ("bundle",)})
    assert result.polled.unreadable == {"bundle": "error"}
    assert len(hub.ec2.requests) == 2


@pytest.mark.parametrize("code", ["AuthFailure", "InvalidClientTokenId"])
def test_a_disabled_region_renews_the_credentials_once(code):
    hub = Hub()
    hub.join(ACCOUNT)
    hub.ec2.refuse(ACCOUNT, "eu-west-1", error(code))
    result = hub.work({"eu-west-1": tuple(KINDS), "us-east-1": tuple(KINDS)})
    assert set(result.polled.unreadable.values()) == {"region-disabled"}
    assert (len(result.polled.good), len(hub.sts.assumed), len(hub.ec2.requests)) == (9, 2, 19)


def test_a_role_that_was_deleted_is_noticed():
    hub = Hub()
    hub.join(ACCOUNT)
    hub.work({"us-east-1": ("bundle",)})
    hub.ec2.refuse(ACCOUNT, "us-east-1", error("AuthFailure"))
    hub.sts.refused[ACCOUNT] = error("AccessDenied")
    assert hub.work({"us-east-1": ("bundle",)}).polled.unreadable == {"bundle": "error"}
    assert hub.work({"us-east-1": ("bundle",)}).unreadable == "no-role"


# Requests of real clients


@dataclass
class SignedEc2:
    """An EC2 that notes by which keys its requests are signed."""

    keys: list = field(default_factory=list)
    tokens: list = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def answer(self, headers, body):
        with self.lock:
            self.keys.append(re.search("Credential=([^/]+)/", headers["Authorization"])[1])
            self.tokens.append(headers["X-Amz-Security-Token"])
        return 200, {"Content-Type": "text/xml"}, told("empty").body


@pytest.fixture
def ec2():
    """Return a server, and a client that all accounts share."""
    signed, session = SignedEc2(), botocore.session.Session()
    session._credentials = CurrentCredentials()
    with http_server(signed.answer) as url:
        config = Config(max_pool_connections=8, proxies={}, retries={"total_max_attempts": 1})
        yield signed, session.create_client("ec2", region_name="eu-west-1", endpoint_url=url, config=config)


def test_threads_sign_each_request_with_their_accounts_keys(ec2, roles):
    signed, client = ec2
    accounts = [f"{number:012d}" for number in range(1, 13)]
    own = {account: roles.credentials(account) for account in accounts}
    barrier = Barrier(8)

    def ask(number):
        account = accounts[number % len(accounts)]

        def work():
            if number < 8:
                barrier.wait()
            before = len(signed.keys)
            client.describe_bundle_tasks()
            return before

        as_member(own[account], work)
        return key_of(own[account])

    with ThreadPoolExecutor(8) as pool:
        expected = list(pool.map(ask, range(96)))
    assert sorted(signed.keys) == sorted(expected)
    assert set(signed.tokens) == {SECRET}


def test_members_take_turns_in_one_thread(ec2, roles):
    signed, client = ec2
    for account in (ACCOUNT, OTHER, HUB, ACCOUNT):
        as_member(roles.credentials(account), client.describe_bundle_tasks)
    assert [key.split("-")[1] for key in signed.keys] == [ACCOUNT, OTHER, HUB, ACCOUNT]


def test_a_request_without_a_member_is_not_sent(ec2, roles):
    signed, client = ec2
    with pytest.raises(LookupError):
        client.describe_bundle_tasks()
    as_member(roles.credentials(ACCOUNT), client.describe_bundle_tasks)
    with ThreadPoolExecutor(1) as pool, pytest.raises(LookupError):
        pool.submit(client.describe_bundle_tasks).result()
    assert len(signed.keys) == 1


def test_work_that_fails_leaves_no_member_behind(ec2, roles):
    _, client = ec2

    def fail():
        raise KeyError

    with pytest.raises(KeyError):
        as_member(roles.credentials(ACCOUNT), fail)
    with pytest.raises(LookupError):
        client.describe_bundle_tasks()


def test_no_secret_is_in_a_description(roles):
    roles.credentials(ACCOUNT)
    texts = [repr(roles), *map(repr, vars(roles).values()), str(vars(roles)), repr(CurrentCredentials())]
    assert not [text for text in texts if SECRET in text]
