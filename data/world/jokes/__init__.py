"""Jokes and short stories about the world: what cannot be verified, only liked.

`grammar.prompt` asks, `grammar.candidate` answers well or badly, `judge.ranking` orders answers as
people do, and `judge.gold` knows what each is worth. The judge is hidden: rankings are what a
reward model learns from, and gold is for measuring alone.
"""
