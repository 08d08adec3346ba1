"""Reports: tree reports in, text out, piece by piece so that thousands of trees need no memory."""
