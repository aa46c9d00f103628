"""What goes into the image: the entrypoint that honours the image contract.

Standard library only, relative imports only: the same files are ``grocker.runner`` on the build host and
``grocker_runner`` in the image (``/opt/grocker/lib``). The rest of the project imports
:mod:`grocker.runner.contract.spec` (what an image tells its runner) and :mod:`grocker.runner.contract.installed_files`
(files that are installed beside it), nothing else.

Imports of every module on the way to a one-shot command are counted: at most 40 ms over the bare command.
"""
