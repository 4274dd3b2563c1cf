"""Printed figures of a published study: what they imply and what contradicts."""
