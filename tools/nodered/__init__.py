"""A real Node-RED runs the flow of deploy/node-red and hears the real daemon."""
