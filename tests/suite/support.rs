//! The scene of the tests: a shop whose function runs against a stand-in for AWS and Klaviyo.
//!
//! A [`shop::Shop`] sends [`messages`] as Segment would. Its [`klaviyo::Klaviyo`] says what Klaviyo
//! holds afterwards, and makes it fail beforehand:
//!
//! ```text
//! let shop = Shop::open(&[SUBSCRIBE_ALL]).await;
//! shop.klaviyo().throttle(SUBSCRIBE).once();
//! let answer = shop.send(&sarah()).await;
//! ```
//!
//! Only the modules in here know how the stand-in keeps its state.

pub(crate) mod answers;
pub(crate) mod faults;
pub(crate) mod function;
pub(crate) mod http;
pub(crate) mod klaviyo;
pub(crate) mod log;
pub(crate) mod messages;
pub(crate) mod paths;
pub(crate) mod people;
pub(crate) mod queues;
pub(crate) mod secrets;
pub(crate) mod settings;
pub(crate) mod shop;
