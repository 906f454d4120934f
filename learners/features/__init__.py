"""Examples as mappings, or columns of a data set -> a batch: hashed names, raw values.

A batch is what the journal holds, so nothing learnt is in it. The kinds of value an example's
features may have:

=====================  =======================================================================
number, boolean        one NUMBER column, `name`
string                 its words (casefolded), `name=word`, with counts; and, when it is a single
                       word, itself exactly where that differs (so `A+` and `A-` stay apart)
list of numbers        NUMBER columns `name[0]`, `name[1]`, ...
list of strings        a bag: AMOUNT columns `name=item`, with counts
mapping to numbers     a bag: AMOUNT columns `name=token`
None                   missing, like a name that is not there
=====================  =======================================================================

Every example has the CONSTANT column too, so no features at all are an example still: its task's
base rate is learnt.

Read `examples.py` first; `mappings.py`, `table.py` and `arrays.py` are the three ways to a batch.
"""

from __future__ import annotations

from learners.features.arrays import from_arrays
from learners.features.examples import Batch, Example, join, take
from learners.features.hashing import BITS, CONSTANT_ID, column
from learners.features.labels import check_label, label_key
from learners.features.mappings import batch
from learners.features.packing import from_bytes, joined, to_bytes

__all__ = [
    "BITS",
    "CONSTANT_ID",
    "Batch",
    "Example",
    "batch",
    "check_label",
    "column",
    "from_arrays",
    "from_bytes",
    "join",
    "joined",
    "label_key",
    "take",
    "to_bytes",
]
