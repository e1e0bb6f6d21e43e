"""What a search says about itself: how well it predicted, and how its winners compare with the baselines."""
