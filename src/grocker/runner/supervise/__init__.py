"""``start SERVICE``: processes kept running, readiness, restarts, the stop. Contract: E1, E2, H1."""
