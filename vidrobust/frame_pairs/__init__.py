"""Everything measured between two frames, from pixels alone.

``transitions`` says which frames may be compared at all. Two sets of instruments then measure what changed.
The quick one (``motion``, ``light``, ``texture``, joined in ``measures``) looks at pairs all along a clip and
gives each quantity a value, a validity test and a standard error. The replayable one (``registration``,
``tone``, ``local_light``, ``blur``, ``noise``, joined in ``change``) takes a second or more for a pair and
gives curves, fields and kernels with which the change can be made again in another picture.
"""
