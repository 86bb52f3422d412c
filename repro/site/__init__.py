"""The static site: pages made of the committed result folders, the notebooks and the docstrings, put together by Sphinx."""
