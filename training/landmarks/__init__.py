"""Make smaller files for the 68 landmarks and measure their accuracy."""
