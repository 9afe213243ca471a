"""The real picamera2 on libcamera's virtual camera, in a Debian 13 of its own: `make picamera`."""
