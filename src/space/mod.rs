//! What can be chosen: the four search spaces.
