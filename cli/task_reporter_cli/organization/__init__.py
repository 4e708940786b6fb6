"""The accounts of a hub: their states, and the hub's settings."""
