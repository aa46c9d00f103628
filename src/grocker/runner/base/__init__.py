"""Ground of the runner: frozen values, C-level modules, failures, private files."""
