"""Places that figures of runs are sent to: one file each, its package imported inside."""
