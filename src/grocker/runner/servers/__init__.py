"""Servers of applications, and nginx in front: their command lines, and what runs inside. Contract: P1, X1."""
