"""Proof: a certificate from two checkpoints alone, and old and new network compared as functions.

Nothing is imported here: the certificate needs no torch, which takes a second to import.
"""
