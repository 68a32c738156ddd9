//! EnergyManager: what the machine and its owner are doing.
