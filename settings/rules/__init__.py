"""What options must satisfy together. A rule looks at Settings whose single values are sound, and yields Findings.

Nouns
    Finding     a rule broken: at which option, why, and which options the judgement rests on.
    Rule        one function; RULES of the modules here are all of them.

Sources: docs/protocol.md section 6.5 for channels; Centrifugo v6 refuses the same where it has the option.
"""
