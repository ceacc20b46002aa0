"""May this message be sent to them? A pure decision with reasons (docs/policy.md lists the rules).

``gathering`` reads the facts out of a message, ``facts`` says what else has to be known, the topics
(``names``, ``consent``, ...) hold the rules, and ``deciding`` holds their one table and the
decision.
"""
