"""The kinds of task: one file for each of EC2's lists."""
