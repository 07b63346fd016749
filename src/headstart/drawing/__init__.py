"""What pages are drawn with: blocks and charts as plain data, and the templates that turn them into HTML."""
