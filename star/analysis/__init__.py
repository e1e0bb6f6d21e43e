"""What an architecture costs and how much of its state it uses; nothing here changes a model."""
