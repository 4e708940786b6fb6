"""Settings, time and metrics of a Lambda function."""
