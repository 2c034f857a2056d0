"""Agents' base class."""
