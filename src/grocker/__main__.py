"""``python -m grocker``: the command line."""

from grocker.cli.main import main

main()
