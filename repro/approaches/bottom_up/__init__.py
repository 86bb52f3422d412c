"""Bottom-up: a network is shown whole images, and the people in its maps are grouped."""
