"""Long runs that try to break what edge-fer promises; a short run of each is among the tests."""
