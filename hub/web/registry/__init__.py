"""The registry on the operators' console: who is listed, what is missing, who signed what."""
