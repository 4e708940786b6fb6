"""Clients, and the answers of AWS that need care."""
