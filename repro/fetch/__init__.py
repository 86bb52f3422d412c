"""Fetching data sets and weights from where their authors keep them: what lies where, downloads that go on, safe unpacking."""
