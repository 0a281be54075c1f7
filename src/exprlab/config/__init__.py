"""Settings: one frozen, documented model per step of the experiment."""
