//! What PostgreSQL's and the driver's errors mean: for the request, for the session, and for another try.

use std::error::Error as StdError;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::error::Source;
use crate::store::{StoreError, Violation, ViolationKind};

/// What becomes of the session that a call failed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Session {
    /// It serves others.
    Keep,
    /// It must not be used again.
    End,
    /// The same holds for all sessions that were opened before: their server, or their tables, became others.
    EndAll,
}

/// Whether the call may be tried again at once, on a session that is opened for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It would fail again, or it is not known whether it was done.
    Never,
    /// The connection ended without an answer: it may be if it only reads.
    Read,
    /// The server says that it ended the session instead: nothing of it was kept, unless a pooler says so in its place.
    Told,
    /// Nothing of it was kept.
    Fresh,
}

/// A failed call.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    pub(super) session: Session,
    pub(super) again: Again,
    /// Nobody knows what the server did with what it was sent.
    pub(super) lost: bool,
}

impl Failure {
    /// A wait that reached its limit: what the server does meanwhile is not known.
    pub(super) fn elapsed() -> Self {
        let error = StoreError::Unavailable("PostgreSQL did not answer in time".into());
        Failure { error, session: Session::End, again: Again::Never, lost: false }
    }

    /// The same for what may have been committed.
    pub(super) fn undecided() -> Self {
        let error = StoreError::Unavailable("PostgreSQL did not say in time that a write was stopped".into());
        Failure { error, session: Session::End, again: Again::Never, lost: true }
    }

    /// What the failure of a call by which something is committed means: an answer that was lost leaves it open.
    pub(super) fn of_write(self) -> Self {
        match self {
            Failure {
                error: StoreError::Unavailable(source) | StoreError::Internal(source),
                lost: true,
                session,
                ..
            } => Failure { error: StoreError::OutcomeUnknown(source), session, again: Again::Never, lost: true },
            failure => failure,
        }
    }

    /// The same, where it may be tried again at once although it was given up or its connection is gone.
    pub(super) fn unsent(self) -> Self {
        Failure { session: self.session.max(Session::End), again: Again::Fresh, lost: false, ..self }
    }

    /// The same of a session that is not to be used again, and that nothing is to be tried in place of.
    pub(super) fn ended(self) -> Self {
        Failure { session: self.session.max(Session::End), again: Again::Never, ..self }
    }

    /// Whether the connection must not be used again.
    pub(super) fn is_broken(&self) -> bool {
        self.session != Session::Keep
    }

    /// The same, of a call that cannot have been carried out yet: it was only prepared, or its transaction is open.
    pub(super) fn before_the_end(mut self) -> Self {
        if matches!(self.again, Again::Read | Again::Told) {
            self.again = Again::Fresh;
        }
        self
    }

    /// The same in a transaction that was to read only: a write in it says nothing of the server.
    pub(super) fn asked_for(self) -> Self {
        match self.error {
            StoreError::Conflict(source) if is_read_only(&source) => StoreError::Internal(source).into(),
            error => Failure { error, ..self },
        }
    }

    /// The same, where who said so may not be the server that was asked.
    pub(super) fn untold(self) -> Self {
        Failure { again: Again::Read, lost: true, ..self }
    }

    /// The same, of the COMMIT itself: nobody knows whether it was done.
    pub(super) fn of_the_commit(mut self) -> Self {
        if self.again == Again::Told {
            self = self.untold();
        }
        self
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure { error, session: Session::Keep, again: Again::Never, lost: false }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.as_db_error() {
            Some(db) => {
                let mut verdict = judge(db.code().code(), db.routine());
                if matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) {
                    verdict.session = verdict.session.max(Session::End);
                }
                let lost = is_undecided(db.code());
                Failure { session: verdict.session, again: verdict.again, error: describe(verdict.kind, error), lost }
            }
            None => of_the_driver(error),
        }
    }
}

/// What the driver says by itself: the connection ended, or its two sides do not understand each other any more, as where a
/// pooler hands one's answers to another.
fn of_the_driver(error: Error) -> Failure {
    let cause = error.source();
    if cause.is_some_and(|source| !source.is::<io::Error>()) {
        // a value that cannot be sent has a cause of its own, and was not sent
        let error = StoreError::Internal(Box::new(error));
        return Failure { error, session: Session::End, again: Again::Never, lost: false };
    }
    if !error.is_closed() && cause.is_none() {
        tracing::warn!(%error, "PostgreSQL answered something else than it was asked; the connection is closed");
    }
    let error = StoreError::Unavailable(Box::new(error));
    Failure { error, session: Session::End, again: Again::Read, lost: true }
}

/// Whether the server, or a proxy before it, says that it does not know what became of a statement: class 08 is a connection
/// that broke on the way, 40003 a statement whose completion is unknown.
fn is_undecided(state: &SqlState) -> bool {
    state.code() == "40003" || state.code().starts_with("08")
}

/// The kinds of [`StoreError`] that a code can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Violation(ViolationKind),
    Data,
    Conflict,
    Unavailable,
    Internal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    kind: Kind,
    session: Session,
    again: Again,
}

/// The table. A code is looked for first, then its class; the rest is a mistake of a statement's, after which the session is
/// as good as before.
const TABLE: &[(&str, Kind, Session, Again)] = &[
    // The connection, as a pooler sees it too: PgBouncer's own errors are 08P01.
    ("08", Kind::Unavailable, Session::End, Again::Never),
    ("22", Kind::Data, Session::Keep, Again::Never),
    ("23505", Kind::Violation(ViolationKind::Unique), Session::Keep, Again::Never),
    ("23503", Kind::Violation(ViolationKind::ForeignKey), Session::Keep, Again::Never),
    ("23001", Kind::Violation(ViolationKind::ForeignKey), Session::Keep, Again::Never),
    ("23502", Kind::Violation(ViolationKind::NotNull), Session::Keep, Again::Never),
    ("23514", Kind::Violation(ViolationKind::Check), Session::Keep, Again::Never),
    ("23P01", Kind::Violation(ViolationKind::Exclusion), Session::Keep, Again::Never),
    ("P0001", Kind::Violation(ViolationKind::Raised), Session::Keep, Again::Never),
    // The server became a standby, or read-only; so did all sessions that lead to it.
    ("25006", Kind::Conflict, Session::EndAll, Again::Fresh),
    // What follows another error of a transaction.
    ("25P02", Kind::Internal, Session::Keep, Again::Never),
    // The server gave up on an open transaction.
    ("25P03", Kind::Unavailable, Session::End, Again::Never),
    ("25P04", Kind::Unavailable, Session::End, Again::Never),
    // A transaction that nobody here began.
    ("25", Kind::Internal, Session::End, Again::Never),
    // A prepared statement or a portal that is not there, or is already: somebody else uses the session.
    ("26", Kind::Conflict, Session::End, Again::Fresh),
    ("34", Kind::Conflict, Session::End, Again::Fresh),
    ("42P03", Kind::Conflict, Session::End, Again::Fresh),
    ("42P05", Kind::Conflict, Session::End, Again::Fresh),
    ("40001", Kind::Conflict, Session::Keep, Again::Never),
    ("40P01", Kind::Conflict, Session::Keep, Again::Never),
    ("40003", Kind::Unavailable, Session::End, Again::Never),
    // Memory: this session may be what takes it.
    ("53200", Kind::Unavailable, Session::End, Again::Never),
    ("53300", Kind::Unavailable, Session::End, Again::Never),
    ("53", Kind::Unavailable, Session::Keep, Again::Never),
    // A text that is too long for its index, an expression that is too deep.
    ("54000", Kind::Data, Session::Keep, Again::Never),
    ("54001", Kind::Data, Session::Keep, Again::Never),
    // A wait for a lock reached its limit, which another try would only wait for again.
    ("55P03", Kind::Unavailable, Session::Keep, Again::Never),
    // The statement's own limit.
    ("57014", Kind::Unavailable, Session::Keep, Again::Never),
    // The session was ended, by an administrator or for its idleness. It is told so instead of an answer: had there been a
    // commit, its answer would have come first.
    ("57P01", Kind::Unavailable, Session::End, Again::Told),
    ("57P05", Kind::Unavailable, Session::End, Again::Told),
    ("57P", Kind::Unavailable, Session::End, Again::Never),
    // The server's files.
    ("58", Kind::Unavailable, Session::End, Again::Never),
    // A snapshot that is too old for its rows.
    ("72000", Kind::Conflict, Session::Keep, Again::Never),
    // Damage: to the data, or to what the session remembers of the catalogue.
    ("XX000", Kind::Internal, Session::End, Again::Fresh),
    ("XX", Kind::Internal, Session::End, Again::Never),
];

/// What PostgreSQL's code means; where one code says several things, the routine that raised it tells them apart: messages are
/// translated, the names of routines are not.
fn judge(code: &str, routine: Option<&str>) -> Verdict {
    if *SqlState::FEATURE_NOT_SUPPORTED.code() == *code {
        return match routine {
            // "cached plan must not change result type": the table changed. So it did for all sessions.
            Some("RevalidateCachedQuery")
            // "cannot use serializable mode in a hot standby", at the BEGIN and at the first statement.
            | Some("call_enum_check_hook" | "GetSerializableTransactionSnapshot") => {
                Verdict { kind: Kind::Conflict, session: Session::EndAll, again: Again::Fresh }
            }
            _ => Verdict { kind: Kind::Internal, session: Session::Keep, again: Again::Never },
        };
    }
    // "ON CONFLICT does not support deferrable unique constraints": it was altered since the start
    if (code, routine) == ("55000", Some("ExecCheckIndexConstraints")) {
        let kind = Kind::Violation(ViolationKind::Deferrable);
        return Verdict { kind, session: Session::Keep, again: Again::Never };
    }
    let exact = TABLE.iter().find(|(key, ..)| *key == code);
    let found =
        exact.or_else(|| TABLE.iter().filter(|(key, ..)| key.len() < 5).find(|(key, ..)| code.starts_with(key)));
    found.map_or(
        Verdict { kind: Kind::Internal, session: Session::Keep, again: Again::Never },
        |&(_, kind, session, again)| Verdict { kind, session, again },
    )
}

fn describe(kind: Kind, error: Error) -> StoreError {
    if let Kind::Violation(kind) = kind
        && let Some(db) = error.as_db_error()
    {
        return StoreError::Violation(violation(kind, db));
    }
    // The outer error prints as "db error"; the inner one says which.
    let source = match error.into_source() {
        Some(source) => source,
        None => "PostgreSQL answered with an error".into(),
    };
    match kind {
        Kind::Data => StoreError::Data(source),
        Kind::Conflict => StoreError::Conflict(source),
        Kind::Unavailable => StoreError::Unavailable(source),
        Kind::Internal | Kind::Violation(_) => StoreError::Internal(source),
    }
}

fn is_read_only(source: &Source) -> bool {
    source.downcast_ref::<DbError>().is_some_and(|db| *db.code() == SqlState::READ_ONLY_SQL_TRANSACTION)
}

fn violation(kind: ViolationKind, db: &DbError) -> Violation {
    Violation {
        kind,
        table: db.table().map(Into::into),
        constraint: match kind {
            ViolationKind::Raised => Some(db.constraint().unwrap_or(db.message()).to_owned()),
            _ => db.constraint().map(Into::into),
        },
        columns: db.column().map(Into::into).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(code: &str) -> (Kind, Session, Again) {
        let Verdict { kind, session, again } = judge(code, None);
        (kind, session, again)
    }

    macro_rules! codes {
        ($($name:ident: $($code:literal)+ => $kind:ident, $session:ident, $again:ident;)+) => {$(
            #[test]
            fn $name() {
                $(assert_eq!(verdict($code), (Kind::$kind, Session::$session, Again::$again), $code);)+
            }
        )+};
    }

    codes! {
        a_connection_that_fails_is_ended: "08000" "08003" "08006" "08P01" => Unavailable, End, Never;
        a_value_that_does_not_fit_is_the_values_fault: "22001" "22003" "22P02" "54000" "54001" => Data, Keep, Never;
        a_server_that_became_read_only_is_left_by_all: "25006" => Conflict, EndAll, Fresh;
        what_follows_an_error_says_nothing_of_the_session: "25P02" => Internal, Keep, Never;
        a_transaction_that_was_given_up_ends_its_session: "25P03" "25P04" => Unavailable, End, Never;
        a_transaction_of_nobodys_ends_its_session: "25000" "25001" "25P01" => Internal, End, Never;
        names_that_are_not_as_they_should_be: "26000" "34000" "42P03" "42P05" => Conflict, End, Fresh;
        another_transaction_was_in_the_way: "40001" "40P01" => Conflict, Keep, Never;
        a_commit_that_nobody_knows_of: "40003" => Unavailable, End, Never;
        the_server_has_no_room: "53000" "53100" "53400" => Unavailable, Keep, Never;
        the_session_has_no_memory: "53200" "53300" => Unavailable, End, Never;
        a_statement_that_ran_or_waited_too_long: "57014" "55P03" => Unavailable, Keep, Never;
        a_session_that_was_ended: "57P01" "57P05" => Unavailable, End, Told;
        a_server_that_crashed_or_starts: "57P02" "57P03" "57P04" => Unavailable, End, Never;
        the_servers_files_fail: "58000" "58030" "58P01" => Unavailable, End, Never;
        the_server_contradicts_itself: "XX000" => Internal, End, Fresh;
        data_are_damaged: "XX001" "XX002" => Internal, End, Never;
        a_mistake_in_a_statement: "42601" "42703" "42501" "0A000" => Internal, Keep, Never;
    }

    #[test]
    fn what_a_trigger_raises_refuses_the_row() {
        assert_eq!(verdict("P0001"), (Kind::Violation(ViolationKind::Raised), Session::Keep, Again::Never));
    }

    #[test]
    fn a_constraint_that_was_made_deferrable_is_told_apart() {
        let kind = Kind::Violation(ViolationKind::Deferrable);
        assert_eq!(judge("55000", Some("ExecCheckIndexConstraints")).kind, kind);
        assert_eq!(judge("55000", Some("AlterSequence")).kind, Kind::Internal);
    }

    #[test]
    fn a_plan_of_other_tables_and_a_standby_are_left_by_all_sessions() {
        for routine in ["RevalidateCachedQuery", "call_enum_check_hook", "GetSerializableTransactionSnapshot"] {
            let expected = Verdict { kind: Kind::Conflict, session: Session::EndAll, again: Again::Fresh };
            assert_eq!(judge("0A000", Some(routine)), expected, "{routine}");
        }
    }
}
