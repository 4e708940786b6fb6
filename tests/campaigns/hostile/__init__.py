"""Hostile input at random: answers of EC2, batches of the stream, rows of the history.

    python -m tests.campaigns.hostile --cases 100000 --seed 7

An example is a valid beginning and steps, each of which spoils something.
"""
