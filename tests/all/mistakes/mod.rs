//! Mistakes of a program: found by the compiler or at the start; failing that, a 500 and a line in the log that names the
//! place. None is told to a client as its own.

mod blame;
mod columns;
mod declarations;
mod models;
mod starts;
