"""Problems of accounts, and the one message about those that are new or over."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_reporter.kinds.table import KINDS
from task_reporter.organization.members import Member
from task_reporter.organization.problems import (
    MAX_LINES,
    Problem,
    describe_reason,
    find_changes,
    is_accepted,
    message,
    problems_of,
    subject,
)
from task_reporter.recording.roster import ListRecord
from task_reporter.times import parse, to_text
from tests.support.organization import REGIONS
from tests.support.sns import LARGEST

NOW = parse("2026-11-26T12:00:00Z")
SINCE = int(NOW.timestamp())
ACCOUNT = "111111111111"
READ = ListRecord(at=SINCE)


def refused(reason="denied", tries=2, since=SINCE):
    return ListRecord(unreadable=reason, unreadable_since=since, tries=tries, asked=since)


def member(lists=None, account=ACCOUNT, announced=None, **row):
    text = {"announced": announced} if isinstance(announced, str) else {}
    one = Member(account, {"status": "ACTIVE", **text, **row}, lists or {})
    return announce(one, announced) if isinstance(announced, dict) else one


def announce(one, announced):
    """Return the member after a round that announced its problems."""
    return Member(one.account, one.row | {"announced": json.dumps(announced)}, one.lists)


def region(record, **others):
    """Return the lists of us-east-1, of which ``others`` have a record of their own."""
    return {"us-east-1": dict.fromkeys(KINDS, record) | {kind.replace("_", "-"): each for kind, each in others.items()}}


def places(one, accepted=()):
    return {each.place: each.reason for each in problems_of(one, accepted)}


# States


@pytest.mark.parametrize("status", ["SUSPENDED", "CLOSED", "PENDING_CLOSURE", "LEFT"])
def test_a_state_of_the_account_is_a_problem_of_all_of_it(status):
    one = member(region(refused()), status=status, left_at=to_text(NOW), unreadable="no-role")
    assert problems_of(one) == [Problem("*", status.lower(), 2, SINCE)]


def test_an_account_without_a_role_has_no_problems_of_lists():
    one = member(region(refused()), unreadable="no-role", tries=1, unreadable_since=to_text(NOW))
    assert problems_of(one) == [Problem("*", "no-role", 1, SINCE)]


@pytest.mark.parametrize("reason", ["denied", "denied-by-scp", "region-disabled", "malformed"])
def test_a_denied_list_is_a_problem(reason):
    assert problems_of(member(region(READ, bundle=refused(reason, 7)))) == [
        Problem("us-east-1/bundle", reason, 7, SINCE)
    ]


@pytest.mark.parametrize("reason", ["absent", "throttled", "error"])
def test_what_passes_is_no_problem(reason):
    assert problems_of(member(region(refused(reason, 99)))) == []


def test_a_region_whose_lists_are_all_denied_is_one_problem():
    lists = region(
        refused("denied-by-scp", 5), bundle=refused("denied-by-scp", 1, SINCE - 60), conversion=refused("absent")
    )
    assert problems_of(member(lists)) == [Problem("us-east-1", "denied-by-scp", 1, SINCE - 60)]


@pytest.mark.parametrize("other", [READ, refused("malformed"), refused("error"), refused("throttled")])
def test_a_region_with_another_list_is_no_single_problem(other):
    denied = {
        place: reason for place, reason in places(member(region(refused(), bundle=other))).items() if reason == "denied"
    }
    assert denied == {f"us-east-1/{kind}": "denied" for kind in KINDS if kind != "bundle"}


@pytest.mark.parametrize(
    ("pattern", "is_expected"),
    [
        ("*/us-*", True), ("*/ap-*", False), (f"{ACCOUNT}/*", True), (f"{ACCOUNT}/us-east-1", True),
        ("222222222222/*", False), ("1*/us-east-?", True), ("*", True), ("us-east-1", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("lists", [region(refused()), region(READ, bundle=refused())])
def test_accepted_patterns_silence_regions(pattern, is_expected, lists):
    assert bool(places(member(lists), [pattern])) != is_expected


def test_accepted_patterns_may_silence_an_account():
    assert is_accepted(ACCOUNT, "*", [f"{ACCOUNT}/*"])
    assert not is_accepted(ACCOUNT, "*", ["*/ap-*"])


# What is announced


class Story:
    """An account in rounds that announce its problems."""

    def __init__(self, accepted=()):
        self.announced, self.accepted = {}, list(accepted)

    def round(self, lists=None, **row):
        one = member(lists, announced=self.announced, **row)
        changes = find_changes([one], self.accepted)
        self.announced = changes.announced.get(ACCOUNT, self.announced)
        assert not find_changes([announce(one, self.announced)], self.accepted), "once"
        new, over = ({place: reason for _, place, reason in pairs} for pairs in (changes.new, changes.over))
        return new, over


NOTHING = ({}, {})
DENIED = {"us-east-1": "denied"}


def test_denial_is_announced_at_its_second_sighting_and_end():
    story = Story()
    assert story.round(region(READ)) == NOTHING
    assert story.round(region(refused(tries=1))) == NOTHING
    assert story.round(region(refused(tries=2))) == (DENIED, {})
    assert story.round(region(refused(tries=3))) == NOTHING
    assert story.round(region(READ)) == ({}, DENIED)
    assert story.round(region(READ)) == NOTHING


def test_a_denial_that_ends_at_once_is_never_announced():
    story = Story()
    assert [story.round(region(record)) for record in (refused(tries=1), READ)] == [NOTHING, NOTHING]


def test_a_changed_reason_is_announced_once_it_is_confirmed():
    story = Story()
    story.round(region(refused()))
    assert story.round(region(refused("denied-by-scp", 1))) == NOTHING, "it can't be read, so nothing is over"
    assert story.round(region(refused("denied-by-scp", 2))) == ({"us-east-1": "denied-by-scp"}, {})
    assert story.round(region(READ)) == ({}, {"us-east-1": "denied-by-scp"})


@pytest.mark.parametrize("reason", ["error", "throttled"])
def test_an_error_between_two_denials_ends_nothing(reason):
    story = Story()
    story.round(region(refused()))
    assert story.round(region(refused(reason, 1))) == NOTHING
    assert story.round(region(refused())) == NOTHING
    assert story.round(region(READ, bundle=refused(reason, 1))) == NOTHING
    assert story.round(region(READ)) == ({}, DENIED)


def test_a_region_whose_lists_are_denied_one_after_the_other():
    """Hourly lists are refused hours before the others."""
    hourly = {kind.replace("-", "_"): refused() for kind in ("export-image", "export-instance", "replace-root-volume")}
    story = Story()
    new, over = story.round(region(READ, **hourly))
    assert (len(new), over) == (3, {})
    assert story.round(region(refused(tries=1), **hourly)) == NOTHING
    assert story.round(region(refused(tries=2), **hourly)) == (DENIED, {})
    assert story.announced == DENIED
    assert story.round(region(READ)) == ({}, DENIED)


def test_a_region_that_recovers_list_by_list_is_over_at_the_end():
    story = Story()
    story.round(region(refused()))
    assert story.round(region(READ, bundle=refused(), conversion=refused())) == NOTHING
    assert story.round(region(READ, bundle=refused())) == NOTHING
    assert story.round(region(READ)) == ({}, DENIED)


def test_another_reason_of_one_list_in_a_denied_region():
    story = Story()
    story.round(region(refused()))
    both = region(refused(), bundle=refused("malformed"))
    assert story.round(both) == ({"us-east-1/bundle": "malformed"}, {})
    assert story.round(region(READ, bundle=refused("malformed"))) == NOTHING, "the region is not over yet"
    assert story.round(region(READ)) == ({}, {"us-east-1": "denied", "us-east-1/bundle": "malformed"})


def test_a_new_kind_joins_a_denied_region_silently():
    story = Story()
    lists = {"us-east-1": {kind: refused(tries=9) for kind in KINDS if kind != "bundle"}}
    assert story.round(lists) == (DENIED, {})
    for tries in (1, 2):
        assert story.round(region(refused(tries=9), bundle=refused(tries=tries))) == NOTHING
    assert story.round(region(READ)) == ({}, DENIED)


NO_ROLE = {"unreadable": "no-role", "unreadable_since": to_text(NOW)}


def test_a_missing_role_is_announced_once():
    story = Story()
    assert story.round(tries=1, **NO_ROLE) == NOTHING
    assert story.round(tries=2, **NO_ROLE) == ({"*": "no-role"}, {})
    assert story.round(tries=3, **NO_ROLE) == NOTHING
    assert story.round(region(READ)) == ({}, {"*": "no-role"})


def test_nothing_is_known_while_the_account_is_unreadable():
    story = Story()
    story.round(region(refused()))
    assert story.round(region(refused()), tries=2, **NO_ROLE) == ({"*": "no-role"}, {})
    assert story.round(region(refused()), status="LEFT") == ({"*": "left"}, {})
    assert story.round(region(refused())) == ({}, {"*": "left"})
    assert story.round(region(READ)) == ({}, DENIED)


def test_a_suspended_account_is_announced_at_once():
    story = Story()
    assert story.round(status="SUSPENDED") == ({"*": "suspended"}, {})
    assert story.round(status="LEFT") == ({"*": "left"}, {})
    assert story.round() == ({}, {"*": "left"})


def test_what_is_accepted_later_is_over_silently():
    story = Story()
    story.round(region(refused()))
    story.accepted.append("*/us-*")
    assert story.round(region(refused())) == NOTHING
    assert story.announced == {}
    story.accepted.clear()
    assert story.round(region(refused())) == (DENIED, {})


def test_what_is_not_watched_any_more_is_over_silently():
    story = Story()
    story.round(region(refused()))
    assert story.round({"eu-west-1": dict.fromkeys(KINDS, READ)}) == NOTHING
    assert story.announced == {}


def test_an_absent_list_ends_its_denial():
    story = Story()
    story.round(region(READ, bundle=refused()))
    assert story.round(region(READ, bundle=refused("absent"))) == ({}, {"us-east-1/bundle": "denied"})


RECORDS = st.sampled_from(
    [READ, *(refused(reason, tries) for reason in ("denied", "malformed", "error", "absent") for tries in (1, 2))]
)
ROWS = st.sampled_from([{}, {}, {}, {"unreadable": "no-role", "tries": 2}, {"status": "LEFT"}])
ROUNDS = st.lists(st.tuples(st.tuples(RECORDS, RECORDS, RECORDS), ROWS), max_size=8)


@given(ROUNDS)
def test_announcements_alternate_and_end(rounds):
    """After good answers from all lists, everything that was announced is over."""
    story, open_places = Story(), {}
    for records, row in rounds:
        lists = {"us-east-1": dict(zip(("bundle", "conversion", "export-image"), records, strict=True))}
        new, over = story.round(lists, **row)
        assert not new.items() & open_places.items(), "it was announced before"
        assert over.items() <= open_places.items(), "it was never announced"
        open_places = {place: reason for place, reason in (open_places | new).items() if place not in over}
        unreadable = {place for place, reason in places(member(lists, **row)).items()}
        assert not over.keys() & unreadable
        open_places = {place: reason for place, reason in open_places.items() if place in story.announced}
    story.round({"us-east-1": dict.fromkeys(("bundle", "conversion", "export-image"), READ)})
    assert story.announced == {}


# The message


def confirmed(number, name=""):
    lists = {place: dict.fromkeys(KINDS, refused("denied-by-scp")) for place in REGIONS}
    return member(lists, account=f"{number:012d}", name=name)


def test_thousands_of_problems_fit_into_one_message():
    changes = find_changes([confirmed(number, "ä" * 50) for number in range(1000)], ())
    text = message(changes, "ec2-task-reporter")
    assert len(changes.new) == 17_000
    assert text.count("denied by a service control policy") == MAX_LINES
    assert f"and {17_000 - MAX_LINES} more" in text
    assert len(text.encode()) < LARGEST / 4


def test_names_of_other_programs_do_not_fill_the_message():
    changes = find_changes([confirmed(number, "x" * 100_000) for number in range(100)], ())
    assert len(message(changes, "stack").encode()) < LARGEST


@pytest.mark.parametrize("accounts", [1, 1000])
def test_the_subject_is_short_ascii(accounts):
    new = find_changes([confirmed(number, "ä\n") for number in range(accounts)], ())
    text = subject(replace(new, over=new.new))
    assert len(text) < 100
    assert text.isascii()
    assert text.isprintable()
    assert f"{17 * accounts} can't be read, {17 * accounts} can be read again" in text


def test_the_message_names_what_is_new_and_over():
    ended = member(region(READ), "222222222222", {"us-east-1/bundle": "denied"}, name="shop")
    changes = find_changes([member(region(refused()), name="web"), ended, member(status="LEFT", account="3" * 12)], ())
    assert message(changes, "reporter").splitlines() == [
        "Tasks there are not reported while this lasts:",
        "  111111111111 (web) us-east-1: denied",
        "  333333333333: the account has left the organization, or is no longer selected",
        "",
        "These problems are over:",
        "  222222222222 (shop) us-east-1/bundle: denied",
        "",
        "All accounts that are not watched, since when and why:",
        "  task-reporter accounts --stack reporter",
        "To silence what is expected, add its scope, such as 111111111111/us-east-1, to the parameter AcceptedDenials.",
    ]
    assert subject(changes) == "EC2 task reporter, accounts and regions: 2 can't be read, 1 can be read again"


@pytest.mark.parametrize(
    "reason", ["no-role", "suspended", "pending_activation", "denied", "malformed", "anything-else"]
)
def test_every_reason_has_words(reason):
    assert not {"-", "_"} & set(describe_reason(reason))


@pytest.mark.parametrize(
    "text", ["", "[]", "x", '{"us-east-1": "denied"', "[" * 9999, '{"us-east-1": ["x"]}', '{"/": ""}']
)
def test_what_another_program_announced_is_replaced(text):
    changes = find_changes([member(region(refused()), announced=text)], ())
    assert changes.announced == {ACCOUNT: DENIED}


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=5), max_size=3))
def test_any_announcements_settle(announced):
    story = Story()
    story.announced = announced
    story.round(region(READ))
    assert story.announced == {}
