"""The wire formats by name; stands above all of them."""
from sluicegate.dialects.error_bodies import anthropic_error, openai_error, read_error
class _D:
    def __init__(self,name,enc): self.name=name; self._e=enc
    def encode_error(self,e): return self._e(e)
    def decode_error(self,status,body): return read_error(body)
DIALECTS={"openai":_D("openai",openai_error),"anthropic":_D("anthropic",anthropic_error)}
