"""`python -m credit_exchange`."""

import sys

from credit_exchange.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
