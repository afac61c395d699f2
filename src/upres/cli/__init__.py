"""The `upres` command: one file a verb; nothing else prints or exits."""
