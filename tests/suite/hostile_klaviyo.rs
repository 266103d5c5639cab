//! A Klaviyo that is broken or hostile gets neither the key by a redirect nor the function's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::messages::track;
use crate::support::settings::BRIEF;
use crate::support::shop::Shop;

/// What a server has seen.
#[derive(Default)]
struct Traffic {
    connections: AtomicUsize,
    bytes_sent: AtomicUsize,
}

/// Starts a server that answers every request with these bytes, again and again if `is_endless`.
/// Returns its URL and what it sees.
async fn serve(answer: Vec<u8>, is_endless: bool) -> (String, Arc<Traffic>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let traffic = Arc::<Traffic>::default();
    let seen = traffic.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            seen.connections.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 65_536];
            let _ = stream.read(&mut request).await;
            while stream.write_all(&answer).await.is_ok() {
                seen.bytes_sent.fetch_add(answer.len(), Ordering::SeqCst);
                if !is_endless {
                    break;
                }
            }
        }
    });
    (url, traffic)
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (other_url, other) = serve(Vec::new(), false).await;
    let redirect = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {other_url}/api/events\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let (url, klaviyo) = serve(redirect.into_bytes(), false).await;
    let shop = Shop::open_with_queues(&[BRIEF, ("KLAVIYO_BASE_URL", &url)]).await;
    let answer = shop.send(&track("m1")).await;
    assert_eq!((answer.status, answer.body.queued), (200, 1));
    assert!(klaviyo.connections.load(Ordering::SeqCst) > 0);
    assert_eq!(other.connections.load(Ordering::SeqCst), 0);
}

/// Twice what a socket buffers beyond the answer that is read.
const BUFFERED: usize = 16 * 1024 * 1024;

#[tokio::test]
async fn an_endless_answer_is_read_to_its_first_megabyte() {
    let mut answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 1000000000\r\n\r\n".to_vec();
    answer.resize(1024 * 1024, b' ');
    let (url, klaviyo) = serve(answer, true).await;
    let shop = Shop::open_with_queues(&[BRIEF, ("KLAVIYO_BASE_URL", &url)]).await;
    let answer = shop.send(&track("m1")).await;
    assert_eq!((answer.status, answer.body.queued), (200, 1));
    let attempts = klaviyo.connections.load(Ordering::SeqCst);
    let sent = klaviyo.bytes_sent.load(Ordering::SeqCst);
    assert!(
        attempts > 0 && sent < attempts * BUFFERED,
        "{sent} bytes in {attempts} attempts"
    );
}
