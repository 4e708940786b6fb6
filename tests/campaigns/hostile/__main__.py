"""``make fuzz``: hostile input for all readers; exit status 1 after a violation."""

import sys

from tests.campaigns import runner
from tests.campaigns.hostile.campaign import CAMPAIGN

if __name__ == "__main__":
    sys.exit(runner.main(CAMPAIGN, runner.make_parser(CAMPAIGN).parse_args()))
