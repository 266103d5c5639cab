//! The rules: what each message becomes. Most of it is in [`cases`], which are data: a message on
//! one side, whole Klaviyo requests on the other. The other modules are tables of what a case would
//! say less clearly: bounds, spellings and ids.

mod cases;
mod event_ids;
mod events;
mod filters;
mod limits;
mod orders;
mod outcome;
mod profiles;
mod reading;
