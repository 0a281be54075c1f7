"""A look at machine, cluster and config before hundreds of jobs are submitted."""
