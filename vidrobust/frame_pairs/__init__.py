"""Everything measured between two frames, from pixels alone.

The quick instruments (``motion``, ``light``, ``texture``; joined in ``measures``) look at pairs all along a
clip and give each quantity a value, a validity test and a standard error. The replayable ones
(``registration``, ``tone``, ``local_light``, ``blur``, ``noise``; joined in ``change``) take much longer and
give curves, fields and kernels with which the change can be made again in another picture. ``transitions``
says which frames may be compared at all.
"""
