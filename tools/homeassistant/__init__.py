"""A real Home Assistant meets the real daemon; what it shows is held against what was said."""
