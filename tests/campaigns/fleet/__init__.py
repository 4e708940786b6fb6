"""Random histories of a hub: no account loses, repeats or delays what is another's.

Planner, worker and notifier are the real ones. Organizations, STS, SQS and EC2's credentials are fakes; all other parts
are those of the histories in one account.
"""
