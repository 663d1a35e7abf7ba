"""Full text over what servers offer: words of a text, an index in segments, and a ranking that depends on nothing but
what the asker may see.

Nothing here knows who asks. Whoever searches says for each segment which of its documents count, and everything that is
answered (order, counts, words that were meant) is computed from those documents alone.
"""
