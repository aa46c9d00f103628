"""What goes into the image: the entrypoint that honours the image contract.

Standard library only, relative imports only: the same files are ``grocker.runner`` on the build host and
``grocker_runner`` in the image (``/opt/grocker/lib``). Others of the project import :mod:`grocker.runner.spec` (what an
image tells its runner) and :mod:`grocker.runner.texts` (files that are installed beside it), nothing else.

Imports of every module on the way to a one-shot command are counted: at most 40 ms over the bare command.
"""
