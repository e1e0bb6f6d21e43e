"""What `benchmarks/api_speed.py` is made of: a filled database, clients, results that keep coming, and the page."""
