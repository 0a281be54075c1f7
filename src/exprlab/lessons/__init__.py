"""The lessons of the course: notebooks kept as text, run, and made into pages."""
