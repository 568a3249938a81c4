//! A line that breaks when a commit is on it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A way to a PostgreSQL server that carries a COMMIT there and cuts the line before its answer, once it is told to.
pub(crate) struct Cut {
    pub(crate) address: SocketAddr,
    pub(crate) armed: Arc<AtomicBool>,
}

impl Cut {
    pub(crate) fn before(server: SocketAddr) -> Cut {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, armed) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let cuts = Arc::clone(&armed);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(server).unwrap();
                let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let (is_cut, cuts) = (Arc::new(AtomicBool::new(false)), Arc::clone(&cuts));
                let cut = Arc::clone(&is_cut);
                thread::spawn(move || {
                    let mut part = [0; 4096];
                    while let Ok(n @ 1..) = answers.read(&mut part) {
                        // what comes after the cut has been done all the same
                        if cut.load(Ordering::SeqCst) || back.write_all(&part[..n]).is_err() {
                            break;
                        }
                    }
                    let _ = back.shutdown(Shutdown::Both);
                });
                thread::spawn(move || {
                    let (mut client, mut server, mut part) = (client, server, [0; 4096]);
                    while let Ok(n @ 1..) = client.read(&mut part) {
                        let commits = part[..n].windows(7).any(|text| text == b"COMMIT\0");
                        is_cut.fetch_or(commits && cuts.swap(false, Ordering::SeqCst), Ordering::SeqCst);
                        if server.write_all(&part[..n]).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Cut { address, armed }
    }
}
