"""The layouts of data sets: reading them and checking them."""
