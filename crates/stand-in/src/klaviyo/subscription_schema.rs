//! The schemas of subscriptions:
//! <https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles>,
//! <https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles>

use super::schema::{Schema, nullable, optional, required};
use super::text_rules::{any, email, past_time};

/// The most profiles of a job that subscribes, and of one that unsubscribes.
const MAX_SUBSCRIBED: usize = 1_000;
const MAX_UNSUBSCRIBED: usize = 100;

const SUBSCRIBED: Schema = Schema::Object(&[
    required("consent", Schema::Constant("SUBSCRIBED")),
    nullable("consented_at", Schema::Text(past_time)),
]);
const TRACKING_ALLOWED: Schema =
    Schema::Object(&[required("consent", Schema::Constant("SUBSCRIBED"))]);
const UNSUBSCRIBED: Schema =
    Schema::Object(&[required("consent", Schema::Constant("UNSUBSCRIBED"))]);

const LIST: Schema = Schema::Object(&[optional(
    "list",
    Schema::Object(&[optional(
        "data",
        Schema::Object(&[
            required("type", Schema::Constant("list")),
            required("id", Schema::Text(any)),
        ]),
    )]),
)]);

const SUBSCRIBER: Schema = Schema::Object(&[
    required("type", Schema::Constant("profile")),
    nullable("id", Schema::Text(any)),
    required(
        "attributes",
        Schema::Object(&[
            nullable("email", Schema::Text(email)),
            nullable("phone_number", Schema::Text(any)),
            nullable("age_gated_date_of_birth", Schema::Text(any)),
            required(
                "subscriptions",
                Schema::Object(&[
                    optional(
                        "email",
                        Schema::Object(&[
                            optional("marketing", SUBSCRIBED),
                            optional("open_tracking", TRACKING_ALLOWED),
                            optional("click_tracking", TRACKING_ALLOWED),
                        ]),
                    ),
                    optional(
                        "sms",
                        Schema::Object(&[
                            optional("marketing", SUBSCRIBED),
                            optional("transactional", SUBSCRIBED),
                        ]),
                    ),
                    optional("whatsapp", Schema::Anything),
                    optional("push", Schema::Anything),
                ]),
            ),
        ]),
    ),
]);

const UNSUBSCRIBER: Schema = Schema::Object(&[
    required("type", Schema::Constant("profile")),
    required(
        "attributes",
        Schema::Object(&[
            nullable("email", Schema::Text(email)),
            nullable("phone_number", Schema::Text(any)),
            required(
                "subscriptions",
                Schema::Object(&[
                    optional(
                        "email",
                        Schema::Object(&[
                            optional("marketing", UNSUBSCRIBED),
                            optional("open_tracking", UNSUBSCRIBED),
                            optional("click_tracking", UNSUBSCRIBED),
                        ]),
                    ),
                    optional(
                        "sms",
                        Schema::Object(&[
                            optional("marketing", UNSUBSCRIBED),
                            optional("transactional", UNSUBSCRIBED),
                        ]),
                    ),
                    optional("whatsapp", Schema::Anything),
                    optional("push", Schema::Anything),
                ]),
            ),
        ]),
    ),
]);

/// The body that subscribes profiles.
pub(super) const SUBSCRIBE_BODY: Schema = Schema::Object(&[required(
    "data",
    Schema::Object(&[
        required(
            "type",
            Schema::Constant("profile-subscription-bulk-create-job"),
        ),
        required(
            "attributes",
            Schema::Object(&[
                nullable("custom_source", Schema::Text(any)),
                nullable("historical_import", Schema::Boolean),
                required(
                    "profiles",
                    Schema::Object(&[required(
                        "data",
                        Schema::Array(&SUBSCRIBER, 1, MAX_SUBSCRIBED),
                    )]),
                ),
            ]),
        ),
        optional("relationships", LIST),
    ]),
)]);

/// The body that unsubscribes profiles.
pub(super) const UNSUBSCRIBE_BODY: Schema = Schema::Object(&[required(
    "data",
    Schema::Object(&[
        required(
            "type",
            Schema::Constant("profile-subscription-bulk-delete-job"),
        ),
        required(
            "attributes",
            Schema::Object(&[required(
                "profiles",
                Schema::Object(&[required(
                    "data",
                    Schema::Array(&UNSUBSCRIBER, 1, MAX_UNSUBSCRIBED),
                )]),
            )]),
        ),
        optional("relationships", LIST),
    ]),
)]);
