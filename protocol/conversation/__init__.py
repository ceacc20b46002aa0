"""The life of one notification, referral or request between its sender and its recipient.

``table`` says who may do what in which state, ``acts`` which message does what, and ``history``
puts the acts that are held into one order, the same on both sides, and reads the state off them.
"""
