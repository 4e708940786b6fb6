"""The calls and the cost of watching an organization, calculated without AWS."""
