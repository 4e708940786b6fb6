"""The AWS account of the person who runs a command, and its failures explained."""
