"""The report of a run: one HTML file, Markdown and plots.

`study` holds the statistics, one file a section turns them into plain records, `plots` draws, `render` writes. A
new section is a function from a `Study` to a `Section`, and a line in `rlc.experiments.report.pages.run.SECTIONS`.
"""
