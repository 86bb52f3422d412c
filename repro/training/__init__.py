"""Training and evaluation of one recipe: a plain PyTorch loop, its schedule, checkpoints and distributed start."""
