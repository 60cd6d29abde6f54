"""A model server on loopback for tests with real agent programs: scripted, streaming, with faults.

It speaks Anthropic Messages, OpenAI Responses and OpenAI Chat Completions.
"""

from model_server.script import Fault, Say, Tokens, Turn, WriteFile
from model_server.server import ModelServer, Request

__all__ = ["Fault", "ModelServer", "Request", "Say", "Tokens", "Turn", "WriteFile"]
