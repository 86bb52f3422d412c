"""Tables, verdicts, figures and result folders: pure functions of complete runs."""
