"""The command line: a module for each verb of `trash-keras VERB`, and what they share."""
