"""What an operator decides about an archive: API keys, and which jobs are renamed and deleted."""
