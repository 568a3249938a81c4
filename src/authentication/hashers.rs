//! Django's password hashes: `algorithm$…$hash`, as `auth_user.password` holds them.
//!
//! See Django's chapter "Password management". Whatever is not understood is a password that nobody knows.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// The characters of Django's salts.
const SALT: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// The least characters of a salt of theirs with 128 bits.
const SALT_LENGTH: usize = 22;
/// More work than this is not done for one password, whatever a hash asks for.
const MOST_ITERATIONS: u32 = 20_000_000;

/// How new passwords are hashed; those that were hashed otherwise are hashed again when their user logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordHasher {
    /// `pbkdf2_sha256`, Django's default.
    Pbkdf2Sha256 {
        /// How often it is hashed; 1,000,000 in Django 5.2.
        iterations: u32,
    },
    /// `argon2` with Django's parameters: argon2id, 100 MiB, two passes, eight lanes.
    Argon2,
    /// `scrypt` with Django's parameters.
    Scrypt,
    /// `bcrypt_sha256`.
    BcryptSha256 {
        /// The base-2 logarithm of how often it is hashed; 12 in Django.
        rounds: u32,
    },
}

impl Default for PasswordHasher {
    fn default() -> Self {
        PasswordHasher::Pbkdf2Sha256 { iterations: 1_000_000 }
    }
}

/// What a hash says of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is another one.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, and its hash is not made as new ones are: this is its new hash.
    Outdated(String),
}

impl PasswordHasher {
    /// A password as `auth_user.password` keeps it.
    ///
    /// # Errors
    ///
    /// 500 where the machine has no random numbers.
    pub fn make_password(self, password: &str) -> Result<String> {
        let salt = salt()?;
        self.encode(password, &salt).ok_or_else(|| Error::internal("a password could not be hashed"))
    }

    fn encode(self, password: &str, salt: &str) -> Option<String> {
        Some(match self {
            PasswordHasher::Pbkdf2Sha256 { iterations } => {
                let hash = STANDARD.encode(pbkdf2_sha256(password, salt, iterations));
                format!("pbkdf2_sha256${iterations}${salt}${hash}")
            }
            PasswordHasher::Argon2 => {
                let params = argon2::Params::new(102_400, 2, 8, None).ok()?;
                let hasher = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
                let mut hash = [0_u8; 32];
                hasher.hash_password_into(password.as_bytes(), salt.as_bytes(), &mut hash).ok()?;
                let unpadded = base64::engine::general_purpose::STANDARD_NO_PAD;
                let (salt, hash) = (unpadded.encode(salt), unpadded.encode(hash));
                format!("argon2$argon2id$v=19$m=102400,t=2,p=8${salt}${hash}")
            }
            PasswordHasher::Scrypt => {
                let hash = STANDARD.encode(scrypt_of(password, salt, 14, 8, 5)?);
                format!("scrypt$16384${salt}$8$5${hash}")
            }
            PasswordHasher::BcryptSha256 { rounds } => {
                let hash = bcrypt::hash(sha256_hex(password), rounds).ok()?;
                format!("bcrypt_sha256${hash}")
            }
        })
    }

    /// Whether a hash was made as this hasher makes them.
    fn is_own(self, encoded: &str) -> bool {
        let mut parts = encoded.split('$');
        match (self, parts.next()) {
            (PasswordHasher::Pbkdf2Sha256 { iterations }, Some("pbkdf2_sha256")) => {
                parts.next().is_some_and(|n| n == iterations.to_string())
                    && parts.next().is_some_and(|salt| salt.len() >= SALT_LENGTH)
            }
            (PasswordHasher::Argon2, Some("argon2")) => {
                parts.eq(encoded.split('$').skip(1)) && encoded.starts_with("argon2$argon2id$v=19$m=102400,t=2,p=8$")
            }
            (PasswordHasher::Scrypt, Some("scrypt")) => {
                let rest: Vec<&str> = parts.collect();
                matches!(rest.as_slice(), ["16384", _, "8", "5", _])
            }
            (PasswordHasher::BcryptSha256 { rounds }, Some("bcrypt_sha256")) => {
                encoded.split('$').nth(3).and_then(|n| n.parse().ok()) == Some(rounds)
            }
            _ => false,
        }
    }
}

/// Checks passwords, as many at a time as the machine has cores, and never on a thread that answers requests.
#[derive(Clone, Debug)]
pub struct Passwords {
    hasher: PasswordHasher,
    places: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords::new(PasswordHasher::default())
    }
}

impl Passwords {
    /// With the hasher of new passwords.
    pub fn new(hasher: PasswordHasher) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Passwords { hasher, places: Arc::new(Semaphore::new(cores)) }
    }

    /// Whether a password is the one of a hash; without a hash, for a user that there is not, it costs as much and is wrong.
    ///
    /// # Errors
    ///
    /// 500 where the machine has no random numbers or no threads.
    pub async fn check(&self, password: String, encoded: Option<String>) -> Result<Verdict> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(Error::internal)?;
        let hasher = self.hasher;
        let work = move || {
            let _place = place;
            let Some(encoded) = encoded else {
                return hasher.make_password(&password).map(|_| Verdict::Wrong);
            };
            if !verify(&password, &encoded) {
                return Ok(Verdict::Wrong);
            }
            Ok(match hasher.is_own(&encoded) {
                true => Verdict::Right,
                false => Verdict::Outdated(hasher.make_password(&password)?),
            })
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }

    /// A password as `auth_user.password` keeps it.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub async fn make(&self, password: String) -> Result<String> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(Error::internal)?;
        let hasher = self.hasher;
        let work = move || {
            let _place = place;
            hasher.make_password(&password)
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }
}

/// Whether a password is the one of a hash, Django's `check_password`.
pub fn verify(password: &str, encoded: &str) -> bool {
    let parts: Vec<&str> = encoded.split('$').collect();
    match parts.as_slice() {
        ["pbkdf2_sha256", iterations, salt, hash] => {
            let Some(iterations) = work(iterations) else { return false };
            same(STANDARD.encode(pbkdf2_sha256(password, salt, iterations)).as_bytes(), hash.as_bytes())
        }
        ["pbkdf2_sha1", iterations, salt, hash] => {
            let Some(iterations) = work(iterations) else { return false };
            let mut found = [0_u8; 20];
            pbkdf2::pbkdf2_hmac::<sha1::Sha1>(password.as_bytes(), salt.as_bytes(), iterations, &mut found);
            same(STANDARD.encode(found).as_bytes(), hash.as_bytes())
        }
        ["argon2", "argon2id" | "argon2i" | "argon2d", ..] => argon2_is(password, &parts).unwrap_or(false),
        ["bcrypt_sha256", "", ..] => {
            bcrypt::verify(sha256_hex(password), encoded.trim_start_matches("bcrypt_sha256$")).unwrap_or(false)
        }
        ["bcrypt", "", ..] => bcrypt::verify(password, encoded.trim_start_matches("bcrypt$")).unwrap_or(false),
        ["scrypt", n, salt, r, p, hash] => {
            let Ok(n) = n.parse::<u32>() else { return false };
            let (Ok(r), Ok(p)) = (r.parse(), p.parse()) else { return false };
            if !n.is_power_of_two() || n > 1 << 20 {
                return false;
            }
            let found = u8::try_from(n.trailing_zeros()).ok().and_then(|log| scrypt_of(password, salt, log, r, p));
            found.is_some_and(|found| same(STANDARD.encode(found).as_bytes(), hash.as_bytes()))
        }
        _ => false,
    }
}

fn work(iterations: &str) -> Option<u32> {
    iterations.parse().ok().filter(|n| (1..=MOST_ITERATIONS).contains(n))
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

fn pbkdf2_sha256(password: &str, salt: &str, iterations: u32) -> [u8; 32] {
    let mut hash = [0_u8; 32];
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password.as_bytes(), salt.as_bytes(), iterations, &mut hash);
    hash
}

fn scrypt_of(password: &str, salt: &str, log_n: u8, r: u32, p: u32) -> Option<[u8; 64]> {
    if r > 64 || p > 64 {
        return None;
    }
    let params = scrypt::Params::new(log_n, r, p).ok()?;
    let mut hash = [0_u8; 64];
    scrypt::scrypt(password.as_bytes(), salt.as_bytes(), &params, &mut hash).ok()?;
    Some(hash)
}

fn argon2_is(password: &str, parts: &[&str]) -> Option<bool> {
    let ["argon2", kind, version, params, salt, hash] = parts else { return None };
    let unpadded = base64::engine::general_purpose::STANDARD_NO_PAD;
    let (salt, hash) = (unpadded.decode(salt).ok()?, unpadded.decode(hash).ok()?);
    let number = |name: &str| params.split(',').find_map(|p| p.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    let (memory, passes, lanes): (u32, u32, u32) = (number("m")?, number("t")?, number("p")?);
    if memory > 1 << 20 || passes > 64 || lanes > 64 || hash.len() > 128 {
        return None;
    }
    let params = argon2::Params::new(memory, passes, lanes, Some(hash.len())).ok()?;
    let algorithm = match *kind {
        "argon2id" => argon2::Algorithm::Argon2id,
        "argon2i" => argon2::Algorithm::Argon2i,
        _ => argon2::Algorithm::Argon2d,
    };
    let version = if *version == "v=19" { argon2::Version::V0x13 } else { argon2::Version::V0x10 };
    let mut found = vec![0_u8; hash.len()];
    argon2::Argon2::new(algorithm, version, params).hash_password_into(password.as_bytes(), &salt, &mut found).ok()?;
    Some(same(&found, &hash))
}

fn sha256_hex(password: &str) -> String {
    use sha2::Digest;
    hex(&sha2::Sha256::digest(password.as_bytes()))
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Random characters of an alphabet of at most 64.
///
/// # Errors
///
/// 500 where the machine has no random numbers.
pub(super) fn random_text(alphabet: &[u8], length: usize) -> Result<String> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0_u8; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes).map_err(|error| Error::internal(error.to_string()))?;
        // six bits of each; what falls behind the alphabet is drawn again
        let drawn = bytes.iter().filter_map(|byte| alphabet.get(usize::from(byte & 63)));
        let missing = length - text.len();
        text.extend(drawn.take(missing).map(|byte| char::from(*byte)));
    }
    Ok(text)
}

fn salt() -> Result<String> {
    random_text(SALT, SALT_LENGTH)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    /// As Django 5.2 hashed "lètmein".
    const HASHES: [&str; 6] = [
        "argon2$argon2id$v=19$m=102400,t=2,p=8$VDRMblJ6ejVPaGp4RUt2MlhnSHlDQg$sUzLg8XACVL9NmRkMFEJt9XX3kvzofInPRM+7Qtfnd0",
        "bcrypt_sha256$$2b$04$26rIaRGqlCS72FxgR1prWO.hwHXp28XtbBvMMr/q83819AfHtzZO.",
        "bcrypt$$2b$04$IGequUlyiEKfpuofqgWcLepE34uy2UWmTc9RvFDRyYTe7RatVYAa2",
        "pbkdf2_sha256$1000$seasaltseasaltseasalt1$ByDLwFcLXi3YhFaA3hudyGCwiYh1Sik4FL98D2Zc20Y=",
        "pbkdf2_sha1$1000$seasaltseasaltseasalt1$yT/H49wWGgd4CFZw6J/qiyXyeAQ=",
        "scrypt$16384$seasaltseasaltseasalt1$8$5$lg4jDIwtgAuOIa3TPkjeMNAxpY6UzMsL8zZkCyvkSvGayuH7QQjfFnE65KZ+VncJEceL6PMtsDN1+n+nK0BkJQ==",
    ];

    #[test]
    fn there_and_back() {
        for hasher in [
            PasswordHasher::Pbkdf2Sha256 { iterations: 10 },
            PasswordHasher::Scrypt,
            PasswordHasher::BcryptSha256 { rounds: 4 },
            PasswordHasher::Argon2,
        ] {
            let encoded = hasher.make_password("lètmein").unwrap();
            assert!(verify("lètmein", &encoded), "{encoded}");
            assert!(!verify("letmein", &encoded), "{encoded}");
            assert!(hasher.is_own(&encoded), "{encoded}");
            assert!(!PasswordHasher::Pbkdf2Sha256 { iterations: 11 }.is_own(&encoded), "{encoded}");
        }
    }

    #[test]
    fn hashes_of_django() {
        for encoded in HASHES {
            assert!(verify("lètmein", encoded), "{encoded}");
            assert!(!verify("lètmeinz", encoded), "{encoded}");
        }
    }

    #[test]
    fn what_is_no_hash_is_nobodys_password() {
        for encoded in [
            "",
            "!",
            "!abc",
            "x",
            "pbkdf2_sha256",
            "pbkdf2_sha256$x$y$z",
            "pbkdf2_sha256$0$y$z",
            "md5$a$b",
            "scrypt$3$a$8$5$x",
            "scrypt$16384$a$99999999$5$x",
            "argon2$argon2id$v=19$m=9999999999,t=2,p=8$a$b",
            "bcrypt$$2b$99$x",
            "pbkdf2_sha256$4294967295$a$b",
        ] {
            assert!(!verify("", encoded) && !verify("x", encoded), "{encoded}");
        }
    }

    #[tokio::test]
    async fn old_hashes_are_made_anew() {
        let passwords = Passwords::new(PasswordHasher::Pbkdf2Sha256 { iterations: 20 });
        let old = PasswordHasher::Pbkdf2Sha256 { iterations: 10 }.make_password("x").unwrap();
        let Verdict::Outdated(new) = passwords.check("x".into(), Some(old.clone())).await.unwrap() else { panic!() };
        assert_eq!(passwords.check("x".into(), Some(new)).await.unwrap(), Verdict::Right);
        assert_eq!(passwords.check("y".into(), Some(old)).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.check("y".into(), None).await.unwrap(), Verdict::Wrong);
    }
}
