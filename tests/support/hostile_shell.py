"""Hostile values that a shell may export; each breaks a program that reads it."""

EXPORTS = {
    "PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1", "PIP_TARGET": "/nonexistent", "PIP_QUIET": "3",
    "PIP_NO_BINARY": ":all:", "PIP_REQUIRE_HASHES": "1", "PIP_CONSTRAINT": "/nonexistent",
    "UV_SYSTEM_PYTHON": "1", "UV_PYTHON": "2.7", "UV_EXCLUDE_NEWER": "2010-01-01", "UV_REQUIRE_HASHES": "1",
    "UV_NO_BINARY": "1",
    "PYTHONHOME": "/nonexistent", "PYTHONPATH": "/nonexistent", "PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2", "PYTHONIOENCODING": "ascii",
    "AWS_PROFILE": "nobody", "AWS_REGION": "moon-north-1", "AWS_DEFAULT_REGION": "moon-north-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_CONFIG_FILE": "/etc/passwd", "AWS_CA_BUNDLE": "/nonexistent",
    "AWS_USE_FIPS_ENDPOINT": "true", "AWS_RETRY_MODE": "nonsense", "AWS_MAX_ATTEMPTS": "none",
    "SAM_TEMPLATE_FILE": "/nonexistent", "SAM_DEBUG": "1", "LC_ALL": "tr_TR.ISO8859-9", "LANG": "nonsense",
    "MAKEFLAGS": "k", "VIRTUAL_ENV": "/nonexistent", "CONDA_PREFIX": "/nonexistent", "PYTHON": "/bin/false",
    "EMAIL": "somebody@example.com", "STACK": "another", "PARAMETERS": "LogRetentionDays=nonsense",
    "ARGS": "--nonsense", "TASK_REPORTER_STACK": "another", "POWERTOOLS_LOG_LEVEL": "nonsense", "LOG_LEVEL": "nonsense",
    "GATEWAY_PORT": "1", "LAMBDA_EXECUTOR": "docker", "PERSIST_STATE": "1", "PYTEST_ADDOPTS": "--nonsense",
    "COLUMNS": "20", "FORCE_COLOR": "1", "CDPATH": "/tmp", "TZ": "Pacific/Apia",
}  # fmt: skip
