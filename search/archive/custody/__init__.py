"""What an operator decides about an archive: API keys, webhooks, and which jobs are renamed and deleted."""
