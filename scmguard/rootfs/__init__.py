"""A root file system from its files alone: apt's configuration, units of systemd, packages of dpkg."""
