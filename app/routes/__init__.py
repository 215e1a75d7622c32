"""The only part that knows HTTP: parse, call one verb, answer with a template or JSON."""
