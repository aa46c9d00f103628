"""Run an untrusted command in a root of its own, without the host's files, environment, secrets or network.

- ``Sandbox``: what the command sees, as a value;
- ``find_isolation``: how this host can isolate it;
- ``run``: run it, to its end and to the end of everything that it started.

Imported only by a build that has to run such a command.
"""
