"""The surroundings of this package: what a user's settings and host programs must not decide."""
