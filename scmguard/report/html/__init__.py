"""The parts of the HTML report: text made safe, the files of a tree, their lines, findings, views of boards, the page."""
