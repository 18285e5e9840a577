"""The extension, through its binding."""
