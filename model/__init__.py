"""A Transformer in plain PyTorch, made to be read and looked into. It knows nothing of the app."""
