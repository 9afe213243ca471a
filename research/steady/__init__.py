"""Measure how steady the output is: label, box and largest face, before and after."""
