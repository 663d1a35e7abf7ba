"""What is served when nothing is declared: the built-in demo server, for the bootstrap key."""

from toolgate.model.declared import LOCAL_KEY, Declared, GrantSpec, ServerSpec

NAME = "demo"

DEMO = Declared(
    servers=(ServerSpec(name=NAME, kind="echo", settings={}),),
    grants=(GrantSpec(f"key:{LOCAL_KEY}", "allow", (NAME,), tools=("*",), prompts=("*",), resources=("*",)),),
)
