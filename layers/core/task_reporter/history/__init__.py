"""Rows of the DynamoDB table, and how they are read and written."""
