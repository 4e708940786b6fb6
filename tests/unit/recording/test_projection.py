"""From EC2's wire to clean tasks: botocore's real parser reads the files of ``events/ec2``."""

import traceback
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from task_reporter.aws.lists import list_pages
from task_reporter.errors import MalformedAnswerError
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.kind import Kind
from task_reporter.recording.projection import MAX_ID_BYTES, project
from task_reporter.texts import truncate_utf8
from tests.support.canned_ec2 import EVENTS, canned_ec2, no_pauses, told
from tests.unit.cases import cases

CASES = cases("projection")
ERRORS = {"MalformedAnswerError": MalformedAnswerError, "ClientError": ClientError}
SECRET = "SECRET"


@pytest.fixture(scope="module")
def ec2():
    with canned_ec2() as server:
        yield server.client(), server


def ask(ec2, name):
    """Return the projection of the file ``name`` of ``events/ec2``."""
    client, server = ec2
    server.answers = [told(name)]
    return project(BUNDLE, list_pages(client, BUNDLE))


def expected(case):
    usual = CASES["usual"] | case.get("usual", {})
    return [{name: value for name, value in (usual | row).items() if value is not None} for row in case["rows"]]


@pytest.mark.parametrize("case", CASES["answers"], ids=lambda case: case["file"])
def test_an_answer_becomes_rows(case, ec2):
    projected = ask(ec2, case["file"])
    assert projected.tasks == expected(case)
    assert projected.unkeepable == case.get("unkeepable", [])


@pytest.mark.parametrize("case", CASES["errors"], ids=lambda case: case["file"])
def test_no_answer_is_an_error(case, ec2, monkeypatch):
    no_pauses(monkeypatch)
    with pytest.raises(ERRORS[case["error"]]) as caught:
        ask(ec2, case["file"])
    assert case["said"] in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_every_file_has_a_case():
    used = {case["file"] for case in CASES["answers"] + CASES["errors"]} | CASES["elsewhere"].keys()
    assert {path.stem for path in EVENTS.iterdir()} == used
    assert set(CASES["elsewhere"].values()) <= globals().keys()


def test_an_error_text_is_kept_whole(ec2):
    [written] = ElementTree.parse(EVENTS / "long-error.xml").iter("{http://ec2.amazonaws.com/doc/2016-11-15/}message")
    [task] = ask(ec2, "long-error").tasks
    assert task["error_message"] == written.text
    assert len(task["error_message"]) == 5000
    assert "“Gerätename” could not be stored: 禁止" in task["error_message"].splitlines()[1]


def test_the_secrets_are_on_the_wire_and_get_no_further(ec2):
    client, server = ec2
    server.answers = [told("with-secrets")]
    [answer] = list_pages(client, BUNDLE)
    storage = answer["BundleTasks"][0]["Storage"]["S3"]
    assert {"AWSAccessKeyId", "UploadPolicy", "UploadPolicySignature"} <= storage.keys()
    projected = project(BUNDLE, [answer])
    for name in ("AWSAccessKeyId", "UploadPolicy", "UploadPolicySignature"):
        value = storage[name]
        assert (value.decode() if isinstance(value, bytes) else value) not in repr(projected)
    assert SECRET not in repr(projected)


@pytest.mark.parametrize("answer", CASES["malformed"], ids=str)
def test_an_answer_without_the_list_is_malformed(answer):
    with pytest.raises(MalformedAnswerError, match="DescribeBundleTasks: malformed answer") as caught:
        project(BUNDLE, [answer])
    assert caught.value.operation == "DescribeBundleTasks"
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_one_malformed_page_makes_the_list_malformed():
    with pytest.raises(MalformedAnswerError):
        project(BUNDLE, [{"BundleTasks": [{"BundleId": "bun-1"}]}, {}])


FIELDS = {
    "task_id": "BundleId",
    "state": "State",
    "resource_id": "InstanceId",
    "progress": "Progress",
    "started_at": "StartTime",
}


@pytest.mark.parametrize("case", CASES["values"], ids=lambda case: f"{case['name']} {case['raw']!r}")
def test_a_value_is_kept_in_one_form_or_not_at_all(case):
    kind = BUNDLE
    if case["name"] not in FIELDS:
        kind = Kind("other", "DescribeOthers", "BundleTasks[].{task_id: BundleId, finished_at: Ended}", {})
    raw = {"BundleId": "bun-2a4e041c", FIELDS.get(case["name"], "Ended"): case["raw"]}
    projected = project(kind, [{"BundleTasks": [raw]}])
    kept = projected.tasks[0].get(case["name"]) if projected.tasks else None
    assert kept == case["kept"]
    assert type(kept) is type(case["kept"])


def only(**fields):
    """Return the one task that is kept of one with ``fields``."""
    projected = project(BUNDLE, [{"BundleTasks": [{"BundleId": "bun-1"} | fields]}])
    [task] = projected.tasks
    return task


@pytest.mark.parametrize(
    ("field", "name", "most"),
    [("InstanceId", "resource_id", 2048), ("State", "state", 8192)],
)
def test_what_dynamodb_would_refuse_is_cut(field, name, most):
    assert only(**{field: "ä" * most})[name].endswith("ä…")
    assert most - 1 <= len(only(**{field: "ä" * most})[name].encode()) <= most
    assert only(**{field: "x" * most})[name] == "x" * most


def test_an_error_text_is_cut_below_dynamodb_s_row_limit():
    task = only(
        BundleTaskError={"Code": "c" * 500_000, "Message": "m" * 500_000}, Storage={"S3": {"Bucket": "b" * 9999}}
    )
    assert sum(len(f"{name}{value}".encode()) for name, value in task.items()) < 400 * 1024
    assert len(task["error_message"]) > 100_000


@pytest.mark.parametrize(
    ("task_id", "kept"),
    [
        ("b" * MAX_ID_BYTES, True),
        ("b" * (MAX_ID_BYTES + 1), False),
        ("ä" * (MAX_ID_BYTES // 2), True),
        ("ä" * (MAX_ID_BYTES // 2 + 1), False),
        ("Poll#bundle", True),
    ],
    ids=lambda value: str(value)[:12],
)
def test_an_id_has_room_in_a_key(task_id, kept):
    projected = project(BUNDLE, [{"BundleTasks": [{"BundleId": task_id}]}])
    assert (len(projected.tasks), len(projected.unkeepable)) == ((1, 0) if kept else (0, 1))


COPIES = [
    {"BundleId": "bun-1", "State": "complete", "UpdateTime": "2026-11-23T12:05:00Z"},
    {"BundleId": "bun-1", "State": "storing", "UpdateTime": "2026-11-23T12:30:00Z"},
    {"BundleId": "bun-1", "State": "bundling"},
]


@given(st.permutations(COPIES))
def test_of_copies_the_ended_one_is_kept_whatever_their_order(copies):
    [task] = project(BUNDLE, [{"BundleTasks": copies[:2]}, {"BundleTasks": copies[2:]}]).tasks
    assert task["state"] == "complete"


@given(st.permutations(COPIES[1:]))
def test_of_running_copies_the_latest_is_kept(copies):
    [task] = project(BUNDLE, [{"BundleTasks": copies}]).tasks
    assert task["state"] == "storing"


FIELD_NAMES = ["BundleId", "State", "InstanceId", "Progress", "StartTime", "UpdateTime", "Storage", "BundleTaskError"]
OTHER_NAMES = ["BundleTasks", "S3", "Bucket", "Prefix", "Code", "Message", "Anything"]
SECRET_NAMES = ["AWSAccessKeyId", "awsAccessKeyId", "UploadPolicy", "UploadPolicySignature"]
SECRETS = dict.fromkeys(SECRET_NAMES, SECRET)
LEAVES = st.none() | st.text(max_size=5) | st.sampled_from(["bun-1", "failed", "20%", "2026-11-23T12:00:00Z"])


def _nested(inside):
    """Draw lists, and structures with secrets among their fields."""
    values = st.dictionaries(st.sampled_from(FIELD_NAMES + OTHER_NAMES), inside, max_size=6)
    secrets = st.sampled_from([SECRET, SECRET.encode(), [SECRET]])
    secret = st.dictionaries(st.sampled_from(SECRET_NAMES), secrets, max_size=3)
    return st.lists(inside, max_size=3) | st.builds(dict.__or__, values, secret)


ANYTHING = st.recursive(LEAVES, _nested, max_leaves=25)
S3 = st.fixed_dictionaries({}, optional={"Bucket": ANYTHING, "Prefix": ANYTHING}).map(SECRETS.__or__)
TASKS = st.fixed_dictionaries(
    {"BundleId": LEAVES, "Storage": st.fixed_dictionaries({"S3": S3})},
    optional=dict.fromkeys(FIELD_NAMES[1:6], ANYTHING) | {"BundleTaskError": _nested(LEAVES)},
).map(SECRETS.__or__)
ANSWERS = st.fixed_dictionaries({"BundleTasks": ANYTHING | st.lists(TASKS | ANYTHING, max_size=4)}).map(SECRETS.__or__)


def all_that_is_said_of(answer):
    """Return the rows and problems of ``answer``, or the error with its traceback."""
    try:
        return repr(project(BUNDLE, [answer]))
    except MalformedAnswerError as error:
        return "".join(traceback.format_exception(error))


@given(ANSWERS)
def test_no_secret_gets_through_whatever_the_answer(answer):
    assert SECRET not in all_that_is_said_of(answer)


@given(st.text(), st.integers(3, 100))
def test_a_text_is_cut_to_whole_characters(text, most):
    cut = truncate_utf8(text, most)
    assert len(cut.encode()) <= most
    assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]))


@pytest.mark.parametrize("first", [True, False])
def test_of_two_copies_that_ended_the_one_with_the_code_is_taken(first):
    """The code distinguishes a cancelled from a failed task, in any copy."""
    bare = {"BundleId": "bun-1", "State": "failed", "UpdateTime": "2026-11-23T12:01:00.000Z"}
    coded = {**bare, "UpdateTime": "2026-11-23T12:00:00.000Z", "BundleTaskError": {"Code": "Client.Cancelled"}}
    copies = [coded, bare] if first else [bare, coded]
    [task] = project(BUNDLE, [{"BundleTasks": copies}]).tasks
    assert task["error_code"] == "Client.Cancelled"


def test_blanks_around_a_word_mean_nothing():
    raw = {"BundleId": " bun-1\n", "State": " complete ", "BundleTaskError": {"Code": " Client.X "}}
    [task] = project(BUNDLE, [{"BundleTasks": [raw]}]).tasks
    assert task == {"task_id": "bun-1", "state": "complete", "error_code": "Client.X"}
