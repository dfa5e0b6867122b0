//! Stories and properties of KIP-848 groups.
