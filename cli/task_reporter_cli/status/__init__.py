"""Findings about the reporter itself, one or more for each of its parts."""
