"""From EC2's answer to writes: decisions of the recorder."""
