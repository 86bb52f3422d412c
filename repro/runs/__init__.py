"""Runs: recipes trained and evaluated, each once."""
