"""The report in a real browser: filters, sorting, colours, no network."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from task_reporter.times import to_text
from task_reporter_cli.report.page import MAX_PRINTED, ReportInfo
from tests.support.browser import browser, complaints, emulate, fetched, lacking
from tests.support.report_rows import page_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))

COUNT = 5000
MADE = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHARES = {"complete": 880, "failed": 70, "cancelled": 35, "lost": 15}
CODES = {"Client.S3Error": 6, "Server.InternalError": 3, "Client.InvalidS3Policy": 2, "Client.NoSuchBucket": 1}
COLUMNS = ["Task", "Kind", "Outcome", "Resource", "Started", "Updated", "Took", "Detail"]
SHOWN = """return Array.from(document.querySelectorAll("#tasks tbody tr"))
  .filter((row) => row.checkVisibility())
  .map((row) => row.cells[arguments[0]]).map((cell) => cell.dataset.n ?? cell.textContent)"""
TYPED = """const field = document.getElementById(arguments[0]); field.value = arguments[1];
  field.dispatchEvent(new Event("input", { bubbles: true }))"""
CLICKED = """document.querySelectorAll("#tasks thead button")[arguments[0]].click()"""
LAID_OUT = """return Array.from(document.querySelectorAll("#tasks tbody th"))
  .filter((head) => head.checkVisibility({ contentVisibilityAuto: true })).length"""


def a_year_of_tasks(count):
    """Return rows of a year of bundling, newest first; three still run."""
    chance = random.Random(2026)
    moments = sorted((MADE - timedelta(seconds=chance.randrange(365 * 86400)) for _ in range(count)), reverse=True)
    return [a_task(chance, at, runs=place < 3) for place, at in enumerate(moments)]


def a_task(chance, at, *, runs):
    outcome = None if runs else chance.choices(list(SHARES), list(SHARES.values()))[0]
    row = {
        "scope": "123456789012/us-east-2", "task_id": f"bun-{chance.randrange(16**8):08x}", "kind": "bundle",
        "resource_id": f"i-0{chance.randrange(16**16):016x}", "state": "bundling", "progress": 40,
        "started_at": to_text(at - timedelta(seconds=chance.lognormvariate(7.5, 0.45))), "updated_at": to_text(at),
        "image_location": f"acme-bundles/web/{at:%Y-%m-%d}.manifest.xml",
    }  # fmt: skip
    if outcome:
        row |= {"outcome": outcome, "finished_at": to_text(at)}
    if outcome == "failed":
        code = chance.choices(list(CODES), list(CODES.values()))[0]
        row |= {"error_code": code, "error_message": "It did not work"}
    return row


ROWS = a_year_of_tasks(COUNT)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "page.html"
    about = ReportInfo("ec2-task-reporter-HistoryTable-1", "us-east-2", None, to_text(MADE))
    file.write_text(page_of(iter(ROWS), about), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


@pytest.fixture
def fresh(window, address):
    """Return the page as it is when it was just opened."""
    emulate(window)
    window.get(address)
    return window


@pytest.fixture
def opened(window, address):
    """Return the page without a filter, newest first, opened once."""
    emulate(window)
    if window.current_url != address:
        window.get(address)
    for field in ("search", "outcome", "kind"):
        set_to(window, field, "")
    while directions(window)["Updated"] != "descending":
        sort_by(window, "Updated")
    return window


def shown(driver, column):
    return driver.execute_script(SHOWN, COLUMNS.index(column))


def set_to(driver, field, value):
    driver.execute_script(TYPED, field, value)


def sort_by(driver, column):
    driver.execute_script(CLICKED, COLUMNS.index(column))


def directions(driver):
    heads = driver.execute_script(
        "return Array.from(document.querySelectorAll('#tasks th[scope=col]'), (head) => head.ariaSort)"
    )
    return dict(zip(COLUMNS, heads, strict=True))


def told(driver):
    return driver.execute_script("return document.getElementById('matches').textContent")


def test_nothing_is_fetched_and_nothing_complained_about(window, address):
    window.get("about:blank")
    fetched(window)
    complaints(window)
    window.get(address)
    set_to(window, "search", "s3error")
    sort_by(window, "Took")
    emulate(window, scheme="dark", width=400)
    assert fetched(window) == [address]
    assert window.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)") == []
    assert complaints(window) == []


def test_the_policy_stops_a_script_that_got_in_somehow(fresh):
    complaints(fresh)
    fresh.execute_script("""const script = document.createElement("script");
      script.textContent = "window.ran = true"; document.body.append(script);
      const image = document.createElement("img"); image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACw=";
      document.body.append(image)""")
    assert fresh.execute_script("return window.ran") is None
    eventually(lambda: any("Content Security Policy" in complaint for complaint in complaints(fresh)))


def test_hostile_text_is_shown_and_does_nothing(window, tmp_path):
    hostile = "</script></style><img src=x onerror='window.ran = true'><script>window.ran = true</script>"
    names = ("task_id", "kind", "outcome", "resource_id", "error_code", "error_message", "scope", "state")
    rows = [ROWS[9] | dict.fromkeys(names, f"{hostile} {number % 3}") for number in range(20)]
    file = tmp_path / "page.html"
    file.write_text(page_of(rows, ReportInfo(hostile, hostile, None, to_text(MADE))), encoding="utf-8")
    complaints(window)
    window.get(file.as_uri())
    set_to(window, "outcome", f"{hostile} 1")
    assert shown(window, "Task") == [f"{hostile} 1"] * 7
    assert window.execute_script("return [window.ran, document.images.length, document.scripts.length]") == [None, 0, 1]
    assert complaints(window) == []


def test_all_tasks_are_there_the_newest_first(fresh):
    assert shown(fresh, "Task") == [row["task_id"] for row in ROWS]
    assert told(fresh) == "5,000 tasks"
    assert directions(fresh) == dict.fromkeys(COLUMNS) | {"Updated": "descending"}


def test_a_column_of_text_sorts_both_ways(opened):
    for column in ("Task", "Outcome", "Started"):
        before = shown(opened, column)
        sort_by(opened, column)
        assert shown(opened, column) == sorted(before)
        assert directions(opened) == dict.fromkeys(COLUMNS) | {column: "ascending"}
        sort_by(opened, column)
        assert shown(opened, column) == sorted(before, reverse=True)
        assert directions(opened)[column] == "descending"


def test_lengths_sort_as_numbers_and_unknown_ones_come_last(opened):
    lengths = [cell for cell in shown(opened, "Took") if cell]
    assert len(lengths) == COUNT - 3
    sort_by(opened, "Took")
    assert shown(opened, "Took") == [*sorted(lengths, key=float), "", "", ""]
    sort_by(opened, "Took")
    assert shown(opened, "Took") == [*sorted(lengths, key=float, reverse=True), "", "", ""]


def test_rows_out_of_sight_are_not_laid_out(opened):
    # That is what makes thousands of them sort and filter at once; with all laid out, it takes seconds.
    opened.execute_script("document.getElementById('tasks').scrollIntoView()")
    for change in (lambda: sort_by(opened, "Took"), lambda: set_to(opened, "search", "bun-1")):
        change()
        # The browser decides anew when it draws.
        eventually(lambda: 5 < opened.execute_script(LAID_OUT) < 100)


def test_a_head_is_worked_by_the_keyboard(opened):
    opened.execute_script("document.querySelector('#tasks thead button').focus()")
    opened.switch_to.active_element.send_keys("\ue007")
    assert directions(opened)["Task"] == "ascending"
    assert shown(opened, "Task") == sorted(row["task_id"] for row in ROWS)


def test_words_filter_in_any_case_and_all_must_match(opened):
    wanted = [row["task_id"] for row in ROWS if row.get("error_code") == "Client.S3Error"]
    assert len(wanted) > 50
    set_to(opened, "search", "  s3ERROR bun- ")
    assert shown(opened, "Task") == wanted
    assert told(opened) == f"{len(wanted)} of 5,000 tasks"
    set_to(opened, "search", wanted[7])
    assert shown(opened, "Task") == [wanted[7]]


def test_outcome_and_words_filter_together_and_the_order_stays(opened):
    set_to(opened, "outcome", "lost")
    wanted = [row["task_id"] for row in ROWS if row.get("outcome") == "lost"]
    assert shown(opened, "Task") == wanted
    sort_by(opened, "Task")
    assert shown(opened, "Task") == sorted(wanted)
    set_to(opened, "search", "nothing of that name")
    assert shown(opened, "Task") == []
    assert opened.execute_script("return document.getElementById('none').checkVisibility()")
    set_to(opened, "search", "")
    set_to(opened, "outcome", "")
    assert shown(opened, "Task") == sorted(row["task_id"] for row in ROWS)


def test_every_kind_is_one_to_choose(opened):
    options = "return Array.from(document.getElementById(arguments[0]).options, (option) => option.value)"
    assert opened.execute_script(options, "kind") == ["", "bundle"]
    assert opened.execute_script(options, "outcome") == ["", "cancelled", "complete", "failed", "lost", "running"]
    set_to(opened, "kind", "bundle")
    assert told(opened) == "5,000 tasks"


LIGHTNESS = """const canvas = document.createElement("canvas").getContext("2d");
  return arguments[0].map(([selector, property]) => {
    canvas.fillStyle = getComputedStyle(document.querySelector(selector))[property]; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data[1] / 255; })"""


def test_the_page_and_its_charts_follow_the_readers_colours(opened):
    looked_at = [("body", "backgroundColor"), (".card", "backgroundColor"), ("h1", "color"), (".chart text", "fill")]
    emulate(opened, scheme="light")
    body, card, heading, label = opened.execute_script(LIGHTNESS, looked_at)
    assert min(body, card) > 0.9 > 0.4 > max(heading, label)
    emulate(opened, scheme="dark")
    body, card, heading, label = opened.execute_script(LIGHTNESS, looked_at)
    assert max(body, card) < 0.2 < 0.6 < min(heading, label)


INKS = """const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const light = (text) => { const [r, g, b] = rgb(text); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (element) => { const colour = getComputedStyle(element).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" && element.parentElement ? ground(element.parentElement) : colour; };
  const contrast = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  return ["h1", ".eyebrow", ".about", ".note, footer p", ".tile span", "#tasks thead button", "#tasks td:last-child",
    ...["complete", "failed", "cancelled", "lost", "running"].map((outcome) => "#tasks .outcome." + outcome)]
    .map((selector) => document.querySelector(selector))
    .map((element) => contrast(light(getComputedStyle(element).color), light(ground(element))))"""


def test_text_stands_out_from_its_ground(opened):
    for scheme in ("light", "dark"):
        emulate(opened, scheme=scheme)
        assert min(opened.execute_script(INKS)) >= 4.5


PLACES = [(f"{10**11 + number}", f"team-{number}") for number in range(50)]
REGIONS = ["eu-west-1", "us-east-1", "us-west-2"]


def hub(rows):
    """Return ``rows`` in many accounts; the higher their numbers, the more tasks they have."""
    chance = random.Random(2027)
    for row in rows:
        account, name = PLACES[max(chance.randrange(50), chance.randrange(50))]
        yield row | {"scope": f"{account}/{chance.choice(REGIONS)}", "account_name": name}


HUB = list(hub(ROWS[:2000]))
HUB_COLUMNS = [*COLUMNS, "Account", "Region"]
LISTED = """return Array.from(document.querySelectorAll("section:has(#accounts) tbody:not(.more) tr"))
  .filter((row) => row.checkVisibility()).map((row) => row.cells[arguments[0]].textContent.trim())"""
SEARCHED = """const field = document.querySelector("section:has(#accounts) input"); field.value = arguments[0];
  field.dispatchEvent(new Event("input", { bubbles: true }))"""
SORTED = (
    """document.querySelectorAll("section:has(#accounts) thead th")[arguments[0]].querySelector("button").click()"""
)


@pytest.fixture
def hubs_page(window, tmp_path):
    """Return the page of an organization."""
    file = tmp_path / "hub.html"
    file.write_text(page_of(HUB, ReportInfo("T", "us-east-2", None, to_text(MADE))), encoding="utf-8")
    emulate(window)
    complaints(window)
    window.get(file.as_uri())
    yield window
    assert complaints(window) == []


def test_the_worst_accounts_are_seen_and_the_others_unfold(hubs_page):
    assert len(listed_accounts(hubs_page)) == 20
    failures = list(map(int, hubs_page.execute_script(LISTED, 4)))
    assert failures == sorted(failures, reverse=True)
    hubs_page.execute_script("document.querySelector('summary').click()")
    eventually(lambda: len(listed_accounts(hubs_page)) == len({row["scope"][:12] for row in HUB}))


def test_accounts_sort_by_numbers_beyond_those_in_sight(hubs_page):
    totals = Counter(row["account_name"] for row in HUB)
    summary = "return document.querySelector('summary').textContent"
    assert "further accounts: " in hubs_page.execute_script(summary)
    hubs_page.execute_script(SORTED, 1)
    assert hubs_page.execute_script(summary).endswith("further accounts")  # the others are not those of before
    assert list(map(int, hubs_page.execute_script(LISTED, 1))) == sorted(totals.values(), reverse=True)[:20]
    hubs_page.execute_script(SORTED, 1)
    assert list(map(int, hubs_page.execute_script(LISTED, 1))) == sorted(totals.values())[:20]


def test_an_account_out_of_sight_is_found_by_name_and_id(hubs_page):
    totals = Counter(row["account_name"] for row in HUB)
    account, name = PLACES[0]
    for words in (account, f"{name} {account}", name.upper()):
        hubs_page.execute_script(SEARCHED, words)
        assert f"{name} {account}" in listed_accounts(hubs_page)
    hubs_page.execute_script(SEARCHED, account)
    assert hubs_page.execute_script(LISTED, 1) == [str(totals[name])]
    hubs_page.execute_script(SEARCHED, "")
    assert len(listed_accounts(hubs_page)) == 20


def listed_accounts(driver):
    return driver.execute_script(LISTED, 0)


def test_tasks_filter_by_account_and_region(hubs_page):
    account, name = PLACES[40]
    wanted = [row for row in HUB if row["scope"].startswith(account)]
    for words in (account, name):
        set_to(hubs_page, "account", words)
        assert shown(hubs_page, "Task") == [row["task_id"] for row in wanted]
    set_to(hubs_page, "region", REGIONS[1])
    here = [row["task_id"] for row in wanted if row["scope"].endswith(REGIONS[1])]
    assert shown(hubs_page, "Task") == here
    set_to(hubs_page, "account", "")
    set_to(hubs_page, "region", "")
    set_to(hubs_page, "search", f"{account} {REGIONS[1]}")
    assert shown(hubs_page, "Task") == here


def test_every_account_is_one_to_choose(hubs_page):
    options = hubs_page.execute_script(
        "return Array.from(document.getElementById('account').list.options, (option) => [option.value, option.label])"
    )
    assert sorted(options) == sorted(
        map(list, {place for place in PLACES if any(place[1] == row["account_name"] for row in HUB)})
    )


def test_paper_gets_no_more_tasks_than_one_reads(opened):
    count = (
        "return Array.from(document.querySelectorAll('#tasks tbody tr')).filter((row) => row.checkVisibility()).length"
    )
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert opened.execute_script(count) == MAX_PRINTED
        set_to(opened, "outcome", "lost")
        assert opened.execute_script(count) == len([row for row in ROWS if row.get("outcome") == "lost"])
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_an_organizations_page_fits_every_width(hubs_page):
    for width in (320, 390, 800, 1024, 1280, 1400):
        emulate(hubs_page, width=width)
        assert hubs_page.execute_script("return document.documentElement.scrollWidth") <= width


def test_no_width_makes_the_page_scroll_sideways(opened):
    charts = "return Array.from(document.querySelectorAll('.stacked'), (chart) => chart.checkVisibility())"
    for width in (320, 400, 800, 1280, 1400):
        emulate(opened, width=width)
        assert opened.execute_script("return document.documentElement.scrollWidth") <= width
        assert opened.execute_script(charts) == ([False, True] if width < 704 else [True, False])
