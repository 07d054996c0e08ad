"""`python -m clipart` is `clipart`."""

from clipart.cli import main

main()
