"""The format `transformers`: a model that `AutoModelForCausalLM` loads, with its code and, for bytes, its tokenizer."""
