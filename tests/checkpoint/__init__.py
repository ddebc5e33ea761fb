"""Tests of reading, holding against a spec, writing and publishing checkpoints."""
