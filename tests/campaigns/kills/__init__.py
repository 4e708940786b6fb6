"""Functions of the deployed stack, killed with SIGKILL at random moments.

python -m tests.campaigns.kills --rounds 25
"""
