"""Packages that are about to be installed or removed: what apt and dpkg say of them, and what is in their archives."""
