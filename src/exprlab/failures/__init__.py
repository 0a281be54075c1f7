"""Failed jobs of the workflow: what is heard of them, why they failed, and what to do."""
