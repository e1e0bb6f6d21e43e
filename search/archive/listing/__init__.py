"""Lists of the candidates of a job: in an order, by filters, and by descent."""
