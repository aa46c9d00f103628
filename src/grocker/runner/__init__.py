"""What goes into an image: the entrypoint that honours the image contract.

Standard library only, relative imports only: the same files are ``grocker.runner`` on the build host and
``grocker_runner`` in the image. The rest of the project imports :mod:`grocker.runner.contract` and
:mod:`grocker.runner.cron.crontab_check`, nothing else.

The modules on the way to a one-shot command are counted: at most 40 ms over the bare command.
"""
