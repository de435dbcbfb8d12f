"""Other classifiers' labels beside ours on the same flows, under the same views."""
