"""Pipeline: engines (`llms`), readers, routers, eviction of keys and values (`kv`), prompts and recipes."""
