"""``make bench-runner``: the runner beside what does its work elsewhere. docs/explanation/runner-benchmarks.md."""
