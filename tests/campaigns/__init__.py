"""Long tests with random input: lives of tasks, hostile input, killed processes."""
