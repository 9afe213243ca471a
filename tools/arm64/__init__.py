"""Whether the arm64 package installs, runs and says the same as the one for x86.

`python -m tools.arm64` needs root, and Debian systems that it makes the first time. The arm64
one runs under qemu's emulation, which says nothing about speed.
"""
