"""The place of the history, and queries of it."""
