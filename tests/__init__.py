"""The tests, and beside them the modules that several of them share: those without `test_` before their name."""
