"""Carrying out a plan: layers looked up or made, the image composed of them. Decides nothing."""
