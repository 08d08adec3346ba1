"""Repositories of image builders: which boot trees they keep, and what is known of a template."""
