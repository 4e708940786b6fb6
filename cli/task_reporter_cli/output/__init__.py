"""Rows as people and programs read them: columns, JSON, CSV. All of them stream."""
