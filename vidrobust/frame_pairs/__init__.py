"""Everything measured between two frames, from pixels alone.

The quick instruments (``motion``, ``light``, ``texture``) give each quantity of many pairs a value, a
validity test and a standard error. The replayable ones (``registration``, ``tone``, ``local_light``,
``blur``, ``noise``; joined in ``change``) take much longer and give curves, fields and kernels that make the
change again in another picture.
"""
