"""The parts of the HTML report: safe text, files with their lines, findings, what boards make of them, the page."""
