"""Batch inference over millions of images, and sharding of data sets, as restartable jobs."""
