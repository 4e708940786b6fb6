"""Hostile input, made at random from a seed: what EC2 might answer, what a stream might bring, what a row might hold.

    python -m tests.campaigns.hostile --cases 100000 --seed 7

A case is made of a valid beginning and steps, each of which spoils something. What fails is told with the fewest
steps that still fail.
"""
