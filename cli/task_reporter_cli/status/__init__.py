"""Whether the reporter itself is well: one finding for each of its parts."""
