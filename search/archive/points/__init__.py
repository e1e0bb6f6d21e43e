"""The points of a job, all its candidates in columns for charts, kept up to date and compressed."""
