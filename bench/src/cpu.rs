//! How much processor time a process and its descendants have used, from `/proc`.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use crate::Result;

/// The kernel reports in hundredths of a second to every program, whatever its own tick.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of `root`, its living descendants, and the dead ones they have waited for.
///
/// Fails if `root` is gone.
pub(crate) fn tree(root: u32) -> Result<Duration> {
    let mut processes = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(id) = entry?.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        // A process may end while we look.
        if let Some(stat) = read(id) {
            processes.insert(id, stat);
        }
    }
    if !processes.contains_key(&root) {
        return Err(format!("process {root} has ended").into());
    }
    let belongs = |mut id: u32| {
        loop {
            match processes.get(&id) {
                _ if id == root => return true,
                Some(stat) if stat.parent != id => id = stat.parent,
                _ => return false,
            }
        }
    };
    let ticks: u32 = processes.iter().filter(|(id, _)| belongs(**id)).map(|(_, stat)| stat.ticks).sum();
    Ok(TICK * ticks)
}

struct Stat {
    parent: u32,
    /// utime, stime, cutime and cstime together.
    ticks: u32,
}

fn read(id: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field, the name, is in parentheses and may hold anything.
    let fields: Vec<&str> = text.get(text.rfind(')')? + 2..)?.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u32>().ok();
    Some(Stat { parent: number(1)?, ticks: number(11)? + number(12)? + number(13)? + number(14)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    /// Half a second of work in a child that has ended and been waited for, a third process below us.
    #[test]
    fn counts_the_living_and_the_dead() {
        struct Guard(Child);
        impl Drop for Guard {
            fn drop(&mut self) {
                let _ = self.0.kill();
                let _ = self.0.wait();
            }
        }
        let burn = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let script = format!("sh -c '{burn}'; echo; sleep 60");
        let mut shell =
            Command::new("sh").args(["-c", &script]).stdout(std::process::Stdio::piped()).spawn().expect("sh runs");
        let id = shell.id();
        let mut out = shell.stdout.take().expect("stdout is a pipe");
        let _guard = Guard(shell);
        std::io::Read::read_exact(&mut out, &mut [0]).expect("sh says when it is done");
        let used = tree(id).expect("sh is alive");
        assert!(used > Duration::from_millis(50), "{used:?}");
        assert!(used < Duration::from_secs(20), "{used:?}");
    }
}
