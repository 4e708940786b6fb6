"""Explanations of each kind of fault."""
