"""Data sources: the Hub, buckets, archives, folders and drawn images -> class folders."""
