"""The verbs as scripts for a clone of the repository; the code is in `trash_keras/cli/`."""
