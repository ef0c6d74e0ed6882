"""Long work: enqueued by the API, done by workers, kept in the one database through every crash."""
