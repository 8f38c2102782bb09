"""`python -m leadline`: the command line."""

import sys

from leadline.apps.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
