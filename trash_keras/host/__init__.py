"""The surroundings of this package: what a user's settings and host programs must not decide.

And what may be missing there: how it is installed.
"""
