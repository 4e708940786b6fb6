"""States of an account of the organization, and what to do about each."""

OVERDUE, THROTTLED, ERROR, LEFT = "overdue", "throttled", "error", "left"
NOT_POLLED, WATCHED = "not-polled-yet", "watched"
STATES = {
    OVERDUE: "see task-reporter status, and the logs of the planner and the recorder",
    "no-role": "enrol the account with make member, or leave it out with the parameter ExcludedAccounts",
    "denied": "make member updates the role; a permissions boundary may also deny it",
    "denied-by-scp": "change the policy, or accept the denial with the parameter AcceptedDenials",
    "region-disabled": "enable the region, or accept the denial with the parameter AcceptedDenials",
    "malformed": "see the recorder's log",
    ERROR: "see the recorder's log; the lists are asked again within an hour",
    THROTTLED: "EC2 allows no more calls there; the lists are asked again within an hour",
    "pending-activation": "nothing can be read until the account is activated",
    "suspended": "nothing can be read until the account is reopened",
    "pending-closure": "nothing can be read any more",
    "closed": "nothing can be read any more",
    LEFT: "the rows of its tasks stay in the history",
    NOT_POLLED: "an account is polled within an hour after it joined",
    WATCHED: "",
}
"""State → what to do about it, in the order of the output."""
PROBLEMS = {OVERDUE, "no-role", "denied", "denied-by-scp", "region-disabled", "malformed"}
"""States that somebody has to change."""
ACCEPTED = "expected by the parameter AcceptedDenials"
