//! Preferences, scalarisations, dominance, indicators and baseline optimisers.
