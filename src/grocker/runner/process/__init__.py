"""Processes and what the kernel gives them: signals, groups, the event loop, sockets, limits."""
