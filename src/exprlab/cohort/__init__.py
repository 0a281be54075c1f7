"""A lab's own cohort: reading its files, and finding what is wrong with them."""
