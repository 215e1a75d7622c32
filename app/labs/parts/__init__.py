"""What labs are made of where one file would be too long, or two labs share it: no lab itself."""
