"""Many cores, one machine: tasks sharded over processes behind one port.

The front owns the port, reads of each example nothing but its task's name, and hands the bytes on
to the worker whose task it is. A worker is the whole service but for HTTP: it decodes, journals,
learns and answers, in a directory of its own. Tasks of different workers meet at the exchange.
"""
