"""Random hostile input: answers of EC2, stream batches, rows of the history.

    python -m tests.campaigns.hostile --cases 100000 --seed 7

An example is a valid beginning and steps, each of which spoils something.
"""
