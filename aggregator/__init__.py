"""Many nodes: admission, aggregation, closing and auditing rounds."""
