"""Proving and explaining that results can be made again."""
