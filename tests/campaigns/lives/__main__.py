"""``make soak``: random histories on all processors; exit status 1 after a violation."""

import sys

from tests.campaigns.hunting import main
from tests.campaigns.lives.campaign import CAMPAIGN

if __name__ == "__main__":
    sys.exit(main(CAMPAIGN, sys.argv[1:]))
