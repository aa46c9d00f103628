"""What the user asks for: settings, where each came from, and the services that a project declares."""
