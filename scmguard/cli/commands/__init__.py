"""The commands with their options: a module each, with the command as ``command``; the work is done elsewhere."""
