"""Pictures side by side: the demonstration."""
