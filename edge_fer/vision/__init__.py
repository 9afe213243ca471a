"""From a frame to aligned face crops: detect faces, track them, locate landmarks, align."""
