"""What the course shows: small worlds, and the journey of a real network. NumPy only."""
