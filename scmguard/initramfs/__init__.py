"""What initramfs-tools makes of a root file system: hooks, scripts, settings, and what gets into an image."""
