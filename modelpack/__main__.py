"""`python -m modelpack`."""

from modelpack.cli import main

main()
