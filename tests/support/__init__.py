"""Doubles of AWS, and other helpers that tests share."""
