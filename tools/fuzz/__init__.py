"""Damaged input for all that reads files and texts: what may come is a result or one line.

A case is a number: `mutate` makes the same bytes of it every time, so a finding is told by target
and number. `parsers` and `datasets` are our own and run in this process; what hands bytes to other
people's C and C++ is in `files`, and runs in a child, whose death is seen.
"""
