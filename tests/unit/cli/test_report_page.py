"""The report's page for any number of tasks and for hostile text."""

import re
import sys
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from task_reporter_cli.report.page import MAX_UNFILTERED, ReportInfo
from tests.support.report_rows import MADE_AT, ROWS, ended, page_of

ABOUT = ReportInfo(table="HistoryTable-1", region="us-east-2", since=None, created_at=MADE_AT)
HOSTILE = "</script></style></title>\"'><img src=x onerror=alert(1)><svg onload=alert(2)>{{ 7 * 7 }}&amp;"
ATTRIBUTES = (
    "scope", "account_name", "task_id", "kind", "state", "outcome", "resource_id", "progress", "started_at",
    "updated_at", "first_seen_at", "finished_at", "notified_at", "bucket", "prefix", "image_location", "error_code",
    "error_message", "awaiting", "awaiting_since", "expires_at", "of_a_later_version",
)  # fmt: skip
SVG_NAMES = "http://www.w3.org/2000/svg"
"""The name of a language, not a place: nobody fetches it."""


class Read(HTMLParser):
    """A parsed page: its tags, their attributes, and the texts of each tag."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.texts, self.last = [], [], {}, ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.last = tag
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data):
        self.texts.setdefault(self.last, []).append(data.strip())

    def values(self, wanted):
        return [value for _, name, value in self.attributes if name == wanted]


def many(count, **others):
    return [ended(at=f"2026-{1 + n % 9:02}-{1 + n % 28:02}T12:00:00.000Z", took=60 + n, **others) for n in range(count)]


def body_of(html):
    return html[html.index("<body>") : html.index("<script>")] if "<script>" in html else html[html.index("<body>") :]


def test_no_task_is_no_page_of_empty_charts():
    html = page_of([], ABOUT)
    assert "Nothing yet" in html
    assert "No tasks in us-east-2" in html
    assert not {"table", "form", "script", "img"} & set(Read(html).tags)
    assert "chart" not in " ".join(Read(html).values("class"))


def test_no_task_since_then_says_since_when():
    html = page_of([], ReportInfo("T", "eu-west-1", "2026-11-18T00:00:00.000Z", MADE_AT))
    assert "Nothing since then" in html
    assert html.count("since 2026-11-18 00:00:00 UTC") == 2


def test_a_page_of_some_accounts_names_them():
    about = ReportInfo("T", "eu-west-1", None, MADE_AT, place="payments, us-east-1")
    assert "Only payments, us-east-1" in page_of([ended()], about)
    nothing = page_of([], about)
    assert "<h1>No tasks in payments, us-east-1</h1>" in nothing
    assert "The history holds no task in payments, us-east-1 so far" in nothing
    assert "Only" not in page_of([ended()], ABOUT)


def test_one_task_needs_no_charts_rates_or_search():
    html = page_of([ended(resource_id="i-1")], ABOUT)
    read = Read(html)
    assert "1 task in us-east-2" in html
    assert "i-1" in read.texts["td"]
    assert "img" not in read.values("role")
    assert not {"form", "dl", "option"} & set(read.tags)
    assert "%</b>" not in html


def test_many_tasks_get_every_part():
    html = page_of([*many(50), ended("failed", error_code="Client.S3Error"), {"task_id": "bun-2"}], ABOUT)
    read = Read(html)
    for heading in ("Outcomes by week", "How long complete bundle tasks took", "Why tasks failed", "Slowest tasks",
                    "Latest tasks", "All tasks"):  # fmt: skip
        assert heading in read.texts["h2"]
    assert "98.0 %" in read.texts["b"]
    assert read.values("role").count("img") == 3
    assert "Week of 2026-01-05: 2 complete of 2" in read.texts["title"]
    assert read.tags.count("caption") == 4
    assert read.tags.count("h1") == 1


def test_a_tile_has_the_colour_of_its_outcome():
    html = page_of([ended(), ended(), ended("lost"), ended(None)], ABOUT)
    swatches = re.findall(r'<svg class="swatch (\w+)".*?class="(color-\d)"', html)
    assert swatches == [("complete", "color-0"), ("failed", "color-1"), ("lost", "color-3"), ("running", "color-4")]


def test_the_page_says_what_it_is_about():
    html = page_of([ended()], ReportInfo("T-1", "eu-west-1", "2026-11-18T00:00:00.000Z", MADE_AT))
    for text in ("Updated since 2026-11-18 00:00:00 UTC", "<b>T-1</b>", "Created 2026-11-23 12:00:00 UTC",
                 "<title>EC2 tasks in eu-west-1, 2026-11-23</title>"):  # fmt: skip
        assert text in html
    assert html.startswith("<!doctype html>")


def test_a_few_tasks_are_read_and_more_are_searched():
    assert "form" not in Read(page_of(many(MAX_UNFILTERED), ABOUT)).tags
    assert "form" in Read(page_of(many(MAX_UNFILTERED + 1), ABOUT)).tags


def test_a_table_of_the_newest_says_how_many_there_are():
    html = page_of((ended() for _ in range(10_001)), ABOUT)
    assert "The newest 10,000 of 10,001 are listed" in html
    assert "10,000 newest tasks</output>" in html
    assert html.count("<th scope=row>") == 10_000
    whole = page_of(many(30), ABOUT)
    assert "newest tasks" not in whole
    assert "30 tasks</output>" in whole


def test_account_and_region_are_told_where_there_are_several():
    first, second = ended(scope="1/us-west-1", account_name="payments"), ended(scope="1/eu-west-1")
    alone = page_of([first, first], ABOUT)
    assert not {"us-west-1", "payments"} & set(Read(alone).texts["td"])
    assert "<h1>2 tasks in payments, us-west-1</h1>" in alone
    regions = page_of([first, second], ABOUT)
    assert {"us-west-1", "eu-west-1"} <= set(Read(regions).texts["td"])
    assert "payments" not in Read(regions).texts["td"]
    assert "<h1>2 tasks in payments, 2 regions</h1>" in regions
    accounts = page_of([first, ended(scope="2/us-west-1")], ABOUT)
    assert {"payments", "2"} <= set(Read(accounts).texts["td"])
    assert "us-west-1" not in Read(accounts).texts["td"]
    assert "2 tasks in 2 accounts and 1 region" in accounts
    assert "<title>EC2 tasks in 2 accounts and 1 region, 2026-11-23</title>" in accounts


def test_an_unknown_region_is_an_empty_cell():
    html = page_of([ended(scope="1"), ended(scope="1/eu-west-1"), ended(scope="1")], ABOUT)
    assert not re.search(r"<td>\s+<", html)


def hub(count, accounts, **others):
    """Return rows of ``accounts`` accounts in three regions."""
    places = [(f"{10**11 + n % accounts}/eu-west-{n % 3}", f"account-{n % accounts}") for n in range(count)]
    rows = zip(many(count, **others), places, strict=True)
    return [row | {"scope": scope, "account_name": name} for row, (scope, name) in rows]


def test_accounts_and_regions_are_compared():
    html = page_of([*hub(60, 2), *hub(20, 2, outcome="failed", error_code="Client.S3Error")], ABOUT)
    read = Read(html)
    assert {"Accounts", "Regions"} <= set(read.texts["h2"])
    assert {"account-0", "account-1", "eu-west-0", "eu-west-1", "eu-west-2"} <= set(read.texts["th"])
    assert {"75.0 %", "Client.S3Error"} <= set(read.texts["td"])
    assert "in 2 accounts, most (10) in account-0" in read.texts["small"]
    assert "details" not in read.tags


def test_further_accounts_are_one_line_until_they_are_wanted():
    html = page_of(hub(1000, 100), ABOUT)
    assert 'And 80 further accounts<span class="rest">: 800 tasks, 100.0 % success</span>' in html
    first, further = html.index("<tbody>"), html.index("<tbody class=further>")
    assert html[first:further].count("<th scope=row>") == 20
    assert "account-99 <small>" in html[further:]


def test_accounts_and_regions_can_be_chosen():
    read = Read(page_of(hub(40, 4), ABOUT))
    options = [value for tag, name, value in read.attributes if (tag, name) == ("option", "value")]
    assert {"eu-west-0", "eu-west-2", "100000000000", "100000000003"} <= set(options)
    columns = {value for tag, name, value in read.attributes if name == "data-column"}
    assert columns == {"1", "2", "8", "9"}


@pytest.mark.parametrize("name", ["scope", "account_name", "error_code", "outcome"])
def test_hostile_text_of_many_accounts_stays_text(name):
    def spoiled(text):
        return [row | {name: f"{row.get(name, '')} {text}"} for row in hub(60, 30, outcome="failed")]

    html, same = (Read(page_of(spoiled(text), ABOUT)) for text in (HOSTILE.replace("/", "\\"), "x"))
    assert html.tags == same.tags
    assert [(tag, attribute) for tag, attribute, _ in html.attributes] == [(t, a) for t, a, _ in same.attributes]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_hostile_text_stays_text_whatever_attribute_it_is_in(name):
    # Exactly the tags and attributes of a page of harmless tasks, in the same order.
    rows, harmless = ([row | {name: text} for row in many(30) + many(3, outcome="failed")] for text in (HOSTILE, "x"))
    html, same = Read(page_of(rows, ABOUT)), Read(page_of(harmless, ABOUT))
    assert html.tags == same.tags
    assert [(tag, attribute) for tag, attribute, _ in html.attributes] == [(t, a) for t, a, _ in same.attributes]
    assert "49" not in "".join(html.texts.get("th", []))


@pytest.mark.parametrize("name", ["task_id", "kind", "outcome", "resource_id", "error_code", "error_message"])
def test_hostile_text_is_shown_for_what_it_is(name):
    read = Read(page_of([ended("failed", task_id="bun-1") | {name: HOSTILE}], ABOUT))
    assert any(HOSTILE in text for texts in read.texts.values() for text in texts)


def test_a_hostile_table_and_region_stay_text():
    html = page_of([], ReportInfo(HOSTILE, HOSTILE, None, MADE_AT, HOSTILE))
    assert "<img" not in html
    assert "<svg onload" not in html


def test_nothing_outside_the_page_is_referred_to():
    html = page_of(many(40), ABOUT)
    read = Read(html)
    assert not re.search(r"https?:|//[a-z]|@import|@font-face", re.sub(r"// [^\n]*", "", html).replace(SVG_NAMES, ""))
    assert set(re.findall(r"url\(([^)]*)\)", html)) <= {"#hatch-1", "#hatch-3"}
    assert not {"src", "href", "xlink:href", "action", "style", "data", "srcset"} & {
        name for _, name, _ in read.attributes
    }
    assert not {"link", "iframe", "object", "embed", "img", "base", "foreignobject"} & set(read.tags)
    assert not any(name.startswith("on") for _, name, _ in read.attributes)


def test_the_policy_allows_this_style_and_this_script_only():
    html = page_of(many(40), ABOUT)
    policy = next(value for value in Read(html).values("content") if "default-src" in value)
    directives = dict(directive.strip().split(" ", 1) for directive in policy.split(";"))
    assert directives == {
        "default-src": "'none'",
        "style-src": hash_of(html, "style"),
        "script-src": hash_of(html, "script"),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert html.index("Content-Security-Policy") < html.index("<style>")


def hash_of(html, tag):
    text = re.search(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)[1]
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def test_unknown_attributes_kinds_and_outcomes_are_shown():
    rows = [ended("paused", kind="import", state="resting", later={"a": [1]}), ended(None, state="dreaming")]
    read = Read(page_of(rows, ABOUT))
    assert {"import", "dreaming"} <= set(read.texts["td"])
    assert {"paused", "other"} <= set(read.texts["span"])
    assert "outcome other" in read.values("class")


def test_a_length_is_sorted_by_its_seconds():
    assert "data-n=90.0>1 min 30 s" in page_of([ended(took=90)], ABOUT)
    assert "data-n" not in body_of(page_of([ended(finished_at=None)], ABOUT))


def test_a_task_without_an_end_is_missing_in_the_chart():
    html = page_of([*many(9), ended(finished_at="?", updated_at="?")], ABOUT)
    assert "1 task with no usable time of ending is not drawn" in html


@settings(max_examples=30)
@given(st.lists(ROWS, max_size=30))
def test_no_row_can_break_the_page(rows):
    html = page_of(iter(rows), ABOUT)
    assert html.encode().decode() == html
    assert html.rstrip().endswith("</html>")


def test_the_chart_library_leaves_others_imports_alone():
    assert all(hasattr(finder, "find_spec") for finder in sys.meta_path)


def test_the_same_rows_give_the_same_page():
    assert page_of(many(40), ABOUT) == page_of(many(40), ABOUT)


def test_five_thousand_tasks_can_be_mailed():
    row = ended("failed", error_code="Client.S3Error", error_message="The bucket does not exist", scope="1/us-east-2",
                resource_id="i-0a1b2c3d4e5f60718")  # fmt: skip
    assert len(page_of((row | {"task_id": f"bun-{n:08x}"} for n in range(5000)), ABOUT).encode()) < 1_500_000


def test_a_thousand_accounts_can_be_mailed():
    rows = hub(10_000, 1000, resource_id="i-0a1b2c3d4e5f60718", image_location="acme-bundles/web/2026-11-23.xml")
    assert len(page_of(rows, ABOUT).encode()) < 3_500_000


class Counted(dict):
    """A row that is counted as long as it exists."""

    alive = most_alive = 0

    def __init__(self, *args):
        super().__init__(*args)
        Counted.alive += 1
        Counted.most_alive = max(Counted.most_alive, Counted.alive)

    def __del__(self):
        Counted.alive -= 1


def test_very_many_rows_are_read_once_and_not_kept():
    row = ended(error_message="x" * 200)
    html = page_of((Counted(row | {"task_id": f"bun-{number}"}) for number in range(100_000)), ABOUT)
    assert "100,000 tasks in us-east-2" in html
    assert 1 <= Counted.most_alive <= 2
    assert len(html) < 4_000_000
