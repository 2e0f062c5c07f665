"""A private network: its daemons, its folders, and what keeps them running."""
