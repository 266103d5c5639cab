//! The processor of an instance, which is a part of one: 256 MB get a seventh.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Sleep, sleep};

/// The shortest time that tokio's clock knows.
const TICK: Duration = Duration::from_millis(1);

/// Work that takes its time on a slow processor, in simulated time.
pub struct Slowed<F: Future> {
    work: Pin<Box<F>>,
    slowdown: f64,
    /// The time that is still to pass for what is done.
    debt: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    output: Option<F::Output>,
}

impl<F: Future> Slowed<F> {
    /// Slows work down so many times; 0 for work that takes no time.
    pub fn new(work: F, slowdown: f64) -> Self {
        Slowed {
            work: Box::pin(work),
            slowdown,
            debt: Duration::ZERO,
            pause: None,
            output: None,
        }
    }
}

// Nothing is pinned but what is in boxes.
impl<F: Future> Unpin for Slowed<F> {}

impl<F: Future> Future for Slowed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        loop {
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.pause = None;
            }
            if let Some(output) = self.output.take() {
                return Poll::Ready(output);
            }
            let started = processor_time();
            let polled = self.work.as_mut().poll(context);
            let spent = processor_time().saturating_sub(started);
            let slowed = spent.mul_f64(self.slowdown);
            self.debt += slowed;
            if self.debt >= TICK {
                let debt = std::mem::take(&mut self.debt);
                self.pause = Some(Box::pin(sleep(debt)));
            }
            match (polled, &self.pause) {
                (Poll::Ready(output), None) => return Poll::Ready(output),
                (Poll::Ready(output), Some(_)) => self.output = Some(output),
                (Poll::Pending, None) => return Poll::Pending,
                (Poll::Pending, Some(_)) => {}
            }
        }
    }
}

/// Returns the time that this thread has had a processor, which other load does not change.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
