"""The HTTP side: routes of a few lines each, and the server that runs them."""
