"""Files of trajectories: tables of bond orders, dumps, XYZ, folders of `combust md`; read a frame at a time."""
