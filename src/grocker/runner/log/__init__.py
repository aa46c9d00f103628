"""The container's log: pipes, lines, standard output, syslog. Contract: V4."""
