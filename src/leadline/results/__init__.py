"""Results as the command line and a server give them: run, summarised, and written to a folder."""
