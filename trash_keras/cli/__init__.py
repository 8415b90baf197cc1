"""The command line: one module a verb, each run as `trash-keras VERB`."""
