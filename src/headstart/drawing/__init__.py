"""What the report is drawn with: HTML that escapes by itself, charts as SVG, the style sheet."""
