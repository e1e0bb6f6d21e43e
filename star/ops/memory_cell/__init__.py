"""A memory cell with exponential input gates, whose gates read its own last output: no linear operator."""
