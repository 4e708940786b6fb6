"""A local AWS with everything that the template needs: for the demo, for ``make local`` and for the tests.

Nothing in this package is deployed.
"""
