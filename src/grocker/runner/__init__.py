"""What goes into the image: the entrypoint that honours the image contract.

Standard library only, relative imports only: the same files are ``grocker.runner`` on the build host and
``grocker_runner`` in the image (``/opt/grocker/lib``). Others of the project import :mod:`grocker.runner.spec` and
:mod:`grocker.runner.installed`, nothing else.
"""
