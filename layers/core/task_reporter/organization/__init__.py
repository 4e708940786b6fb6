"""Many accounts: their roster, the planner's decisions, and the recorder's work."""
