"""``make soak``: random histories on all processors; exit status 1 after a violation."""

import sys

from local.screen import run_with_screen
from tests.campaigns import runner
from tests.campaigns.lives.campaign import CAMPAIGN, hunt_all


def main(arguments: list[str]) -> int:
    parser = runner.make_parser(CAMPAIGN)
    parser.add_argument("--mutations", action="store_true", help="put defects into the package: each must be found")
    options = parser.parse_args(arguments)
    if options.mutations:
        return run_with_screen(lambda screen: hunt_all(screen, 1 if options.seed is None else options.seed))
    return runner.main(CAMPAIGN, options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
