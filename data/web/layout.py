"""The names by which stages meet: a crawl made for the run, and what the web pipeline makes of it.

web_crawl/  pages in WARC; labels.jsonl, quality.jsonl, blocklists/    data.world.web
web/        documents/, dropped.parquet/, stats.json, report.html      data.web.pipeline
"""

CRAWL = "web_crawl"
# What is planted in each page, for `data.web.measure`.
LABELS = "labels.jsonl"
# Texts with scores, that the quality classifier learns from.
SCORED = "quality.jsonl"
BLOCKLISTS = "blocklists"

OUTPUT = "web"
DOCUMENTS = "documents"
DROPPED = "dropped.parquet"
STATS = "stats.json"
REPORT = "report.html"
