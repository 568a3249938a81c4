//! What a program logs, for tests of what it must say and of what it must not.

use std::io;
use std::sync::{Arc, Mutex};

/// What is logged on one thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs something on this thread, with what it logged as a warning or an error.
pub(crate) fn logged<T>(work: impl Future<Output = T>) -> (T, String) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let done = tracing::subscriber::with_default(subscriber, || runtime.block_on(work));
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (done, text)
}
