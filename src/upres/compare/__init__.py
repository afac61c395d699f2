"""Pictures side by side: the demonstration, one's own, and votes on them."""
