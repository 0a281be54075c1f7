"""One file that holds an experiment, for a paper or a repository."""
