"""Execute a plan: look up or build its layers, and compose the image of them. Decides nothing."""
