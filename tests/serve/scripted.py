"""A model whose every word is known beforehand: for tests of what stands around a model."""

import json

from data.errors import InputError
from serve.requests import Completion
from tests.serve import small_model


class Scripted:
    """An engine that writes what `reply` says to the ids it is given, three tokens a step."""

    def __init__(self, reply, length=4096):
        self.tokenizer, self.length = small_model.tokenizer(), length
        self._reply, self._writing = reply, []
        self.prompts = []

    @property
    def busy(self):
        return any(not completion.finish_reason for completion, *_ in self._writing)

    def submit(self, request):
        if len(request.prompt) >= self.length:
            raise InputError("the prompt is too long")
        self.prompts.append(request.prompt.tolist())
        completion = Completion()
        text = self._reply(request.prompt.tolist())
        ids = self.tokenizer.encode(text, special=True).tolist()
        most = min(request.max_tokens, self.length - len(request.prompt))
        self._writing.append((completion, iter(ids), most, request.stop))
        return completion

    def step(self):
        for completion, ids, most, stop in self._writing:
            for _ in range(3):
                if completion.finish_reason:
                    break
                completion.tokens.append(next(ids))
                completion.log_probs.append(-0.5)
                if completion.tokens[-1] in stop:
                    completion.finish_reason = "stop"
                elif len(completion.tokens) == most:
                    completion.finish_reason = "length"

    def cancel(self, completion):
        completion.finish_reason = completion.finish_reason or "cancelled"


def call(name, arguments):
    asked = json.dumps({"name": name, "arguments": arguments})
    return f"<tool_call>\n{asked}\n</tool_call>"
