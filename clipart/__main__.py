"""`python -m clipart` is `clipart`."""

import sys

from clipart.cli import main

sys.exit(main())
