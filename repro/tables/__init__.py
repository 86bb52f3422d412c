"""From a table that is asked for to its result folder and its notebook."""
