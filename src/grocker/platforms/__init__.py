"""What images are built for: Debian suites, their Pythons, architectures. Pure values."""
