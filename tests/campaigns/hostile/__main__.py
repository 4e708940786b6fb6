"""``make fuzz``: hostile input for everything that reads any; exit status 1 where an invariant is violated."""

import sys

from tests.campaigns import runner
from tests.campaigns.hostile.campaign import CAMPAIGN

if __name__ == "__main__":
    sys.exit(runner.main(CAMPAIGN, runner.make_parser(CAMPAIGN).parse_args()))
