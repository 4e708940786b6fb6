"""``make soak``: random histories of a hub; exit status 1 after a violation."""

import sys

from tests.campaigns.fleet.campaign import CAMPAIGN
from tests.campaigns.hunting import main

if __name__ == "__main__":
    sys.exit(main(CAMPAIGN, sys.argv[1:]))
