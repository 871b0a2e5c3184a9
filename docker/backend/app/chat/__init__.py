"""The chat: a language model where one is configured, built-in rules where not or when it fails.

`actions` is what either may do to tasks. `model` speaks to an OpenAI-compatible endpoint.
`grammar` turns a sentence into an intent, `rules` carries it out. `assistant` decides who answers.
"""
