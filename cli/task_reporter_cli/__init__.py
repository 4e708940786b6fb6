"""The command line ``task-reporter``: queries the history, looks after the reporter.

None of it is in the Lambda layer.

``commands`` holds one module a command, imported only when that command runs; they translate between a person and the
modules beside them. Those take clients and plain values, and neither print nor exit.
"""
