"""LlamaIndex's model of Anthropic, which takes no name of a model that it does not know."""

from typing import Any

from llama_index.llms.anthropic import Anthropic
from llama_index_llms import client_of
from talk import At, main


def _anthropic(at: At) -> Any:
    return Anthropic(
        model=at.model, base_url=at.url, api_key=at.key, max_tokens=1000, max_retries=0
    )


if __name__ == "__main__":
    main(client_of("LlamaIndex Anthropic", _anthropic))
