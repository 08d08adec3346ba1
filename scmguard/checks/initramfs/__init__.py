"""Checks of the initramfs: what makes it, what it is made of, and the images that boot."""
