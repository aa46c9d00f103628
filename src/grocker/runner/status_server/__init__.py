"""What answers on 8081: probes, metrics, the page, and the HTTP under them. Contract: H1–H4."""
