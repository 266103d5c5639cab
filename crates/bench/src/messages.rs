//! The messages and deliveries of the benchmarks.

use segment_klaviyo::signature;
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::{Value, json};

/// Returns a product view as Segment's website library sends it. Each number has its own id and
/// person.
pub fn track(n: usize) -> Value {
    json!({
        "anonymousId": "5f9a2c31-7f0e-4e2b-9d53-0c1c8f3a6b7d",
        "channel": "client",
        "context": {
            "ip": "203.0.113.24",
            "library": {"name": "analytics.js", "version": "npm:next-1.81.0"},
            "locale": "en-US",
            "page": {"path": "/products/wild-berry-jam", "title": "Wild Berry Jam", "url": "https://klaviyo-demo.com/products/wild-berry-jam"},
            "traits": {"email": format!("sarah.{n}@klaviyo-demo.com")},
            "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        },
        "event": "Product Viewed",
        "integrations": {},
        "messageId": format!("ajs-next-1795169730412-{n:08x}"),
        "originalTimestamp": "2026-11-20T10:15:30.412Z",
        "properties": {
            "brand": "Fable & Oat", "category": "Pantry", "currency": "USD", "name": "Wild Berry Jam", "price": 9.95,
            "product_id": "prd_1077", "sku": "BERRY-JAM-8", "url": "https://klaviyo-demo.com/products/wild-berry-jam",
            "image_url": "https://cdn.klaviyo-demo.com/img/wild-berry-jam.jpg", "variant": "8 oz",
        },
        "receivedAt": "2026-11-20T10:15:30.419Z",
        "sentAt": "2026-11-20T10:15:30.412Z",
        "timestamp": "2026-11-20T10:15:30.412Z",
        "type": "track",
        "userId": format!("usr_{n}"),
    })
}

/// Returns the event that API Gateway makes of a delivery.
pub fn event(body: &Value) -> String {
    let body = body.to_string();
    let signature = signature::sign(body.as_bytes(), SHARED_SECRET).unwrap();
    let headers = json!({"content-type": "application/json", "user-agent": "Segment.io/2.0", "x-signature": signature});
    let context = json!({"http": {"method": "POST", "path": "/segment"}, "stage": "$default"});
    json!({"version": "2.0", "routeKey": "POST /segment", "headers": headers, "requestContext": context, "body": body})
        .to_string()
}

/// Returns a batch of product views, each of another person.
pub fn batch(size: usize) -> Value {
    (0..size).map(track).collect()
}

/// Returns an identify with a phone number, an address and custom traits.
pub fn identify() -> Value {
    let mut message = track(0);
    message["type"] = "identify".into();
    message["traits"] = json!({"email": "Sarah@klaviyo-demo.com", "firstName": "Sarah", "lastName": "Mason", "phone": "+1 500 555 0006",
        "address": {"city": "New York", "country": "US", "postalCode": "10017"}, "loyalty": {"tier": "gold", "points": 120}, "vip": true});
    message
}

/// Returns a completed order of a number of products.
pub fn order(products: usize) -> Value {
    let mut lines = Vec::new();
    for n in 0..products {
        lines.push(json!({"product_id": format!("p{n}"), "name": "Wild Berry Jam", "price": 9.95, "quantity": 2,
            "sku": "J-8", "brand": "Fable"}));
    }
    let mut message = track(0);
    message["event"] = "Order Completed".into();
    message["properties"] =
        json!({"order_id": "R1", "total": 199.0, "currency": "USD", "products": lines});
    message
}
