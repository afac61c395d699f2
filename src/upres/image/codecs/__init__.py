"""Bytes ⇄ pixels."""
