"""In the place of PyTorch, for programs that tests start: nothing of Primer's needs it, and where
it is there tensorboardX imports it, which takes seconds."""

raise ImportError("tests start programs without PyTorch")
