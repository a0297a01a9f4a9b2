"""Reports: what a run leaves for people: summary.json, report.html, each member's folder, and the last lines on the terminal."""
