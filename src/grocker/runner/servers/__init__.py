"""Servers of applications, nginx in front of them, and what runs inside them. Contract: P1, X1."""
