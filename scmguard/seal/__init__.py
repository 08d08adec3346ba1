"""Having supervised files signed again, and keeping book of it."""
