"""Documents that are written from the facts of an experiment: model cards and a checklist."""
