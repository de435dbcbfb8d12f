"""What the data are: records as lists of Field; no behaviour."""
