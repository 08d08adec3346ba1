"""Changing boot files: what becomes of the text, what that does, and writing it."""
