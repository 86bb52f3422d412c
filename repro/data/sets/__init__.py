"""The layouts of data sets: loading and checking them."""
