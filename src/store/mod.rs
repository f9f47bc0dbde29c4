//! SQLite: one writer thread, readers; migrations from `sql/`.
