"""The registry host: serves the signed files, and takes signed changes."""
