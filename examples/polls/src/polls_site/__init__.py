"""Questions, choices, votes."""
