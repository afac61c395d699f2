"""Files that appear whole or not at all, downloads with their checksum, and the cache's place."""
