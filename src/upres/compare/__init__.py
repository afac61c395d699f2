"""Pictures side by side: the demonstration, and one's own."""
