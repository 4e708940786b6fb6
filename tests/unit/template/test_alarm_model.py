"""The model of alarms against the tables of CloudWatch's page on missing data.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from typing import Any

import pytest

from tests.support.alarm import Alarm

MINUTE, HOUR = 60, 3600
ALARM: dict[str, Any] = {
    "Period": 60, "EvaluationPeriods": 3, "Statistic": "Maximum", "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 0, "TreatMissingData": "breaching",
}  # fmt: skip

# Data points, oldest first; data points to alarm; if it rings where missing ones breach, where they do not, and where
# they are ignored (None: the state stays).
TABLES = [
    ("0 - X - X", 3, False, False, False),
    ("0 - - - -", 3, False, False, False),
    ("- - - - -", 3, True, False, None),
    ("0 X X - X", 3, True, True, True),
    ("- - X - -", 3, True, False, None),
    ("0 - X - X", 2, True, True, True),
    ("0 0 X 0 X", 2, True, True, True),
    ("0 - X - -", 2, True, False, False),
    ("- - - - 0", 2, True, False, False),
    ("- - - X -", 2, True, False, None),
]


def alarm_on(points: str, enough: int, treatment: str, start: float = 0) -> Alarm:
    """Return an alarm with ``points``, one a minute."""
    alarm = Alarm({**ALARM, "DatapointsToAlarm": enough, "TreatMissingData": treatment})
    for minute, point in enumerate(points.split()):
        if point != "-":
            alarm.put(start + 60 * minute + 30, "0X".index(point))
    return alarm


@pytest.mark.parametrize(("points", "enough", "breaching", "not_breaching", "ignored"), TABLES)
def test_alarm_rings_as_in_the_tables_of_the_page(
    points: str, enough: int, breaching: bool, not_breaching: bool, ignored: bool | None
) -> None:
    for treatment, rings in (("breaching", breaching), ("notBreaching", not_breaching)):
        assert alarm_on(points, enough, treatment).rings(300) is rings
    before = HOUR - 5 * MINUTE
    for state, earlier in ((True, "X X X"), (False, "0 0 0")):
        alarm = alarm_on(points, enough, "ignore", start=before)
        for minute, point in enumerate(earlier.split()):
            alarm.put(60 * minute + 30, "0X".index(point))
        assert alarm.rings(before) is state, "it stays so when no more data come"
        assert alarm.rings(HOUR) is (state if ignored is None else ignored)


def test_alarm_without_data_does_not_ring() -> None:
    assert alarm_on("- - -", 3, "ignore").rings(HOUR) is False


@pytest.mark.parametrize(("statistic", "threshold"), [("Sum", 5), ("Maximum", 3), ("Minimum", 2), ("SampleCount", 2)])
def test_values_of_one_period_are_one_data_point(statistic: str, threshold: int) -> None:
    for more, rings in ((-0.5, True), (0, False)):
        changes = {"EvaluationPeriods": 1, "Statistic": statistic, "Threshold": threshold + more}
        alarm = Alarm({**ALARM, **changes, "TreatMissingData": "notBreaching"}, further=0)
        alarm.put(60, 2)
        alarm.put(119.9, 3)
        assert (alarm.rings(119), alarm.rings(120), alarm.rings(180)) == (False, rings, False)


REFUSED = [
    {"Period": 90}, {"EvaluationPeriods": 1441}, {"DatapointsToAlarm": 4}, {"DatapointsToAlarm": 0}, {"Metrics": []},
    {"Period": 3600, "EvaluationPeriods": 169}, {"TreatMissingData": "missing"},
]  # fmt: skip


@pytest.mark.parametrize("wrong", REFUSED, ids=str)
def test_model_refuses_unknown_properties(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"refuses|not modelled"):
        Alarm({**ALARM, **wrong})
