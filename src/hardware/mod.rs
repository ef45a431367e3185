//! Device profiles: tables, measurements on the machine, reference architectures.
