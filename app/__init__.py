"""Attend: practise Transformer theory and see each answer be true."""
