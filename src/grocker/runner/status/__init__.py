"""What the container tells about itself: values, probes, metrics, the page, port 8081. Contract: H1–H5."""
