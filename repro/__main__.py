"""``python -m repro``: the command line."""

from repro.cli.main import main

main()
