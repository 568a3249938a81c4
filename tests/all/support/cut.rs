//! A line that breaks when something chosen is on it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What has to be on the line, and whether it still gets there.
type Armed = Arc<Mutex<Option<(Vec<u8>, bool)>>>;

/// A way to a PostgreSQL server that is cut once, when a client sends what it was armed for.
pub(crate) struct Cut {
    pub(crate) address: SocketAddr,
    armed: Armed,
}

/// How the protocol spells the commit of a transaction.
pub(crate) const COMMIT: &[u8] = b"COMMIT\0";

impl Cut {
    pub(crate) fn before(server: SocketAddr) -> Cut {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, armed) = (listener.local_addr().unwrap(), Armed::default());
        let cuts = Arc::clone(&armed);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                carry(client, TcpStream::connect(server).unwrap(), Arc::clone(&cuts));
            }
        });
        Cut { address, armed }
    }

    /// A way to the server of a database's address, and the address that leads there.
    pub(crate) fn of(url: &str) -> (Cut, String) {
        let (user, rest) = url.split_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let cut = Cut::before(server.parse().unwrap());
        let url = format!("{user}@{}/{name}", cut.address);
        (cut, url)
    }

    /// Cuts the line after the next message with this in it was delivered: the server carries it out, and nobody hears of it.
    pub(crate) fn after(&self, what: &[u8]) {
        *self.armed.lock().unwrap() = Some((what.to_vec(), true));
    }

    /// Cuts the line in place of delivering the next message with this in it.
    pub(crate) fn instead_of(&self, what: &[u8]) {
        *self.armed.lock().unwrap() = Some((what.to_vec(), false));
    }

    /// Whether it has not cut yet.
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.lock().unwrap().is_some()
    }
}

fn carry(client: TcpStream, server: TcpStream, armed: Armed) {
    let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let is_cut = Arc::new(Mutex::new(false));
    let cut = Arc::clone(&is_cut);
    thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(n @ 1..) = answers.read(&mut part) {
            // what comes after the cut has been done all the same
            if *cut.lock().unwrap() || back.write_all(&part[..n]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let (mut client, mut server, mut part) = (client, server, [0; 65536]);
        while let Ok(n @ 1..) = client.read(&mut part) {
            let sent = &part[..n];
            let hit = armed.lock().unwrap().take_if(|(what, _)| sent.windows(what.len()).any(|text| text == what));
            *is_cut.lock().unwrap() |= hit.is_some();
            if matches!(hit, Some((_, false))) || server.write_all(sent).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Write);
        let _ = client.shutdown(Shutdown::Both);
    });
}
