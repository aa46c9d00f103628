"""``make bench``: Grocker beside BuildKit on examples/polls, in turn, in one run. docs/explanation/benchmarks.md."""
