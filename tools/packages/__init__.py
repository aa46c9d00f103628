"""Compare composed images with what apt installs: ``make packages``."""
