"""The command line: arguments, rendering, exit statuses; no rule of the domain."""
