"""``python -m task_reporter_cli``."""

from task_reporter_cli.main import main

if __name__ == "__main__":
    main()
