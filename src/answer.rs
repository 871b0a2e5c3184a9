//! What commands answer on standard output, as data. `flow` fills it in; `report` shows it as text or as JSON.

pub mod listing;
pub mod log;
pub mod record;
pub mod status;
pub mod timeline;
pub mod usual;
