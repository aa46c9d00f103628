"""The command ``polls-site``: ``serve`` for development, and every command of Django's (``migrate``, ``shell``, …)."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "polls_site.settings")
    arguments = sys.argv[1:]
    if arguments == ["serve"]:
        arguments = ["runserver", "--noreload", f"0.0.0.0:{os.environ.get('PORT', '8080')}"]
    execute_from_command_line(["polls-site", *arguments])


if __name__ == "__main__":
    main()
