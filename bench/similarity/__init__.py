"""The index of vectors beside hnswlib."""
