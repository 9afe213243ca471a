"""What a running daemon lets out, seen from outside: its system calls and its broker's traffic."""
