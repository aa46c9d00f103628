"""What the container tells about itself: values, probes, metrics, the page, the status port. Contract: H1–H5."""
