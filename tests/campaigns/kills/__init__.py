"""Functions that are killed while they work: on the deployed stack, at random moments, with SIGKILL.

python -m tests.campaigns.kills --rounds 25
"""
