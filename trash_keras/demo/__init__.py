"""The page that classifies pictures in a browser: its files from npm, and a server for it."""
