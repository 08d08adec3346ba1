"""What stands in for Zymbit's Python module in tests, and a Python that has it."""
