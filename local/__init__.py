"""A local AWS for the demo, for ``make local`` and for the tests.

It has everything that the template needs. Nothing in this package is deployed.
"""
