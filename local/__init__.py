"""The whole of AWS that the template needs, on one machine: for the demo, for trying things, and for the tests.

Nothing in here is deployed.
"""
