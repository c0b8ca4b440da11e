"""Where the time of a case goes: phases of the time loop, messages, memory that is moved, a trace."""
