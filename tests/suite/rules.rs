//! The rules: what each message becomes. Most of it is in [`cases`], which are data: a message on
//! one side, whole Klaviyo requests on the other. The other modules are tables of what a case would
//! say less clearly: bounds, spellings and ids.

mod amounts;
mod cases;
mod classic;
mod classic_names;
mod engage;
mod event_ids;
mod events;
mod exchange_id;
mod filters;
mod limits;
mod moments;
mod order_ids;
mod orders;
mod outcome;
mod people;
mod profiles;
mod reading;
mod spellings;
mod traits;
