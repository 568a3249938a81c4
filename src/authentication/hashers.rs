//! Hashes of passwords, as Django keeps them.
//!
//! See Django's chapter "Password management".

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::random;
use crate::error::{Error, Result};

/// Salts shorter than this have less than 128 bits.
const SALT: usize = 22;

/// A way to hash passwords, with its cost: what new hashes are made with.
///
/// Hashes of every one of them are verified, whichever it is that new ones are made with.
///
/// ```
/// use bowline::authentication::Hasher;
///
/// let hasher = Hasher::Pbkdf2Sha256 { iterations: 10 };
/// let encoded = hasher.encode("s3cret")?;
/// assert!(encoded.starts_with("pbkdf2_sha256$10$"));
/// assert!(Hasher::verify("s3cret", &encoded));
/// assert!(!Hasher::verify("secret", &encoded));
/// # Ok::<(), bowline::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hasher {
    /// `pbkdf2_sha256`, Django's default.
    Pbkdf2Sha256 {
        /// Rounds of HMAC.
        iterations: u32,
    },
    /// `pbkdf2_sha1`.
    Pbkdf2Sha1 {
        /// Rounds of HMAC.
        iterations: u32,
    },
    /// `argon2`, as argon2id.
    Argon2 {
        /// Passes over the memory.
        time: u32,
        /// KiB of memory.
        memory: u32,
        /// Lanes.
        parallelism: u32,
    },
    /// `bcrypt_sha256`: bcrypt of the password's SHA-256.
    BcryptSha256 {
        /// The logarithm of the rounds.
        rounds: u32,
    },
    /// `bcrypt`, which reads the first 72 bytes of a password only.
    Bcrypt {
        /// The logarithm of the rounds.
        rounds: u32,
    },
    /// `scrypt`.
    Scrypt {
        /// Django's `work_factor`, a power of two.
        work: u32,
        /// The block size.
        block: u32,
        /// Lanes.
        parallelism: u32,
    },
}

/// Django's, with the iterations of Django 5.2.
impl Default for Hasher {
    fn default() -> Self {
        Hasher::Pbkdf2Sha256 { iterations: 1_000_000 }
    }
}

/// A hash in its parts.
#[derive(Debug)]
struct Encoded<'a> {
    /// How it was made.
    hasher: Hasher,
    salt: Salt<'a>,
    hash: Vec<u8>,
    variety: argon2::Algorithm,
    version: argon2::Version,
}

#[derive(Debug)]
enum Salt<'a> {
    Text(&'a str),
    Bytes(Vec<u8>),
    /// Of bcrypt, with everything else.
    Whole(&'a str),
}

impl Salt<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Salt::Text(text) | Salt::Whole(text) => text.as_bytes(),
            Salt::Bytes(bytes) => bytes,
        }
    }
}

impl Hasher {
    /// Django's default of `argon2`.
    pub const ARGON2: Hasher = Hasher::Argon2 { time: 2, memory: 102_400, parallelism: 8 };
    /// Django's default of `scrypt`.
    pub const SCRYPT: Hasher = Hasher::Scrypt { work: 1 << 14, block: 8, parallelism: 5 };

    /// Django's name of the algorithm.
    pub fn algorithm(self) -> &'static str {
        match self {
            Hasher::Pbkdf2Sha256 { .. } => "pbkdf2_sha256",
            Hasher::Pbkdf2Sha1 { .. } => "pbkdf2_sha1",
            Hasher::Argon2 { .. } => "argon2",
            Hasher::BcryptSha256 { .. } => "bcrypt_sha256",
            Hasher::Bcrypt { .. } => "bcrypt",
            Hasher::Scrypt { .. } => "scrypt",
        }
    }

    /// The hash of a password with a new salt, Django's `make_password`. It takes long on purpose: not for the event loop.
    ///
    /// # Errors
    ///
    /// 500 where the costs are beyond what the algorithm allows.
    pub fn encode(self, password: &str) -> Result<String> {
        let salt = random::text(SALT, random::ALPHANUMERIC)?;
        let hash = |length, salt: &str| {
            self.hash(password, salt.as_bytes(), length, argon2::Algorithm::Argon2id, argon2::Version::V0x13)
                .ok_or_else(|| Error::internal(format!("{self:?} is beyond what the algorithm allows")))
        };
        let algorithm = self.algorithm();
        Ok(match self {
            Hasher::Pbkdf2Sha256 { iterations } => {
                format!("{algorithm}${iterations}${salt}${}", STANDARD.encode(hash(32, &salt)?))
            }
            Hasher::Pbkdf2Sha1 { iterations } => {
                format!("{algorithm}${iterations}${salt}${}", STANDARD.encode(hash(20, &salt)?))
            }
            Hasher::Argon2 { time, memory, parallelism } => format!(
                "{algorithm}$argon2id$v=19$m={memory},t={time},p={parallelism}${}${}",
                STANDARD_NO_PAD.encode(&salt),
                STANDARD_NO_PAD.encode(hash(32, &salt)?)
            ),
            Hasher::BcryptSha256 { rounds } | Hasher::Bcrypt { rounds } => {
                let parts = bcrypt::hash_with_result(self.bcrypt_input(password), rounds).map_err(Error::internal)?;
                format!("{algorithm}${}", parts.format_for_version(bcrypt::Version::TwoB))
            }
            Hasher::Scrypt { work, block, parallelism } => {
                format!("{algorithm}${work}${salt}${block}${parallelism}${}", STANDARD.encode(hash(64, &salt)?))
            }
        })
    }

    /// Whether a password is the one of a hash, whatever that was made with; compared in constant time. It takes long on
    /// purpose: not for the event loop.
    pub fn verify(password: &str, encoded: &str) -> bool {
        let Some(encoded) = Encoded::parse(encoded) else { return false };
        let Encoded { hasher, salt, hash, variety, version } = encoded;
        if let Salt::Whole(whole) = salt {
            return bcrypt::verify(hasher.bcrypt_input(password), whole).unwrap_or(false);
        }
        match hasher.hash(password, salt.bytes(), hash.len(), variety, version) {
            Some(computed) => computed.ct_eq(&hash).into(),
            None => false,
        }
    }

    /// How a hash was made; none of text that is none, like the `!` of a user without a password.
    pub fn identify(encoded: &str) -> Option<Hasher> {
        Encoded::parse(encoded).map(|encoded| encoded.hasher)
    }

    /// Whether a hash was made in another way, or with another cost or too short a salt.
    pub fn must_update(self, encoded: &str) -> bool {
        let Some(encoded) = Encoded::parse(encoded) else { return true };
        let salted = match self {
            Hasher::Pbkdf2Sha256 { .. } | Hasher::Pbkdf2Sha1 { .. } | Hasher::Argon2 { .. } => {
                encoded.salt.bytes().len() >= SALT
            }
            _ => true,
        };
        let outdated = encoded.hasher != self || !salted;
        outdated || (encoded.variety, encoded.version) != (argon2::Algorithm::Argon2id, argon2::Version::V0x13)
    }

    /// What remains to be done so that a wrong password costs as much as it will once the hash is up to date (Django's
    /// `harden_runtime`).
    pub(super) fn remainder(self, encoded: &str) -> Option<Hasher> {
        match (self, Hasher::identify(encoded)?) {
            (Hasher::Pbkdf2Sha256 { iterations: now }, Hasher::Pbkdf2Sha256 { iterations: then }) if now > then => {
                Some(Hasher::Pbkdf2Sha256 { iterations: now - then })
            }
            (Hasher::Pbkdf2Sha1 { iterations: now }, Hasher::Pbkdf2Sha1 { iterations: then }) if now > then => {
                Some(Hasher::Pbkdf2Sha1 { iterations: now - then })
            }
            _ => None,
        }
    }

    /// The work of one hash, in rounds of whatever it is.
    pub(super) fn cost(self) -> u64 {
        match self {
            Hasher::Pbkdf2Sha256 { iterations } | Hasher::Pbkdf2Sha1 { iterations } => iterations.into(),
            Hasher::Argon2 { time, memory, .. } => u64::from(time) * u64::from(memory),
            Hasher::BcryptSha256 { rounds } | Hasher::Bcrypt { rounds } => 1 << rounds.min(63),
            Hasher::Scrypt { work, block, parallelism } => u64::from(work) * u64::from(block) * u64::from(parallelism),
        }
    }

    fn bcrypt_input(self, password: &str) -> Vec<u8> {
        match self {
            Hasher::BcryptSha256 { .. } => random::to_hex(&Sha256::digest(password)).into_bytes(),
            _ => password.as_bytes().to_vec(),
        }
    }

    /// The bytes of a hash; none where the costs or the salt are beyond what the algorithm allows.
    fn hash(
        self,
        password: &str,
        salt: &[u8],
        length: usize,
        variety: argon2::Algorithm,
        version: argon2::Version,
    ) -> Option<Vec<u8>> {
        let mut out = vec![0; length];
        let password = password.as_bytes();
        match self {
            Hasher::Pbkdf2Sha256 { iterations } => {
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut out);
            }
            Hasher::Pbkdf2Sha1 { iterations } => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut out),
            Hasher::Argon2 { time, memory, parallelism } => {
                let params = argon2::Params::new(memory, time, parallelism, Some(length)).ok()?;
                argon2::Argon2::new(variety, version, params).hash_password_into(password, salt, &mut out).ok()?;
            }
            Hasher::Scrypt { work, block, parallelism } => {
                let log = u8::try_from(work.checked_ilog2().filter(|_| work.is_power_of_two())?).ok()?;
                let params = scrypt::Params::new(log, block, parallelism).ok()?;
                scrypt::scrypt(password, salt, &params, &mut out).ok()?;
            }
            Hasher::BcryptSha256 { .. } | Hasher::Bcrypt { .. } => return None,
        }
        Some(out)
    }
}

impl<'a> Encoded<'a> {
    fn parse(encoded: &'a str) -> Option<Self> {
        let (algorithm, rest) = encoded.split_once('$')?;
        let mut variety = argon2::Algorithm::Argon2id;
        let mut version = argon2::Version::V0x13;
        let (hasher, salt, hash) = match algorithm {
            "pbkdf2_sha256" | "pbkdf2_sha1" => {
                let mut parts = rest.splitn(3, '$');
                let iterations = parts.next()?.parse().ok().filter(|iterations| *iterations > 0)?;
                let (salt, hash) = (parts.next()?, STANDARD.decode(parts.next()?).ok()?);
                let hasher = match algorithm {
                    "pbkdf2_sha256" => Hasher::Pbkdf2Sha256 { iterations },
                    _ => Hasher::Pbkdf2Sha1 { iterations },
                };
                (hasher, Salt::Text(salt), hash)
            }
            "argon2" => {
                let mut parts = rest.split('$');
                variety = argon2::Algorithm::new(parts.next()?).ok()?;
                let mut next = parts.next()?;
                version = argon2::Version::V0x10;
                if let Some(number) = next.strip_prefix("v=") {
                    version = argon2::Version::try_from(number.parse::<u32>().ok()?).ok()?;
                    next = parts.next()?;
                }
                let costs = next.split(',').filter_map(|part| part.split_once('='));
                let cost = |name| costs.clone().find(|(n, _)| *n == name)?.1.parse().ok();
                let hasher = Hasher::Argon2 { time: cost("t")?, memory: cost("m")?, parallelism: cost("p")? };
                let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
                (hasher, Salt::Bytes(salt), STANDARD_NO_PAD.decode(parts.next()?).ok()?)
            }
            "bcrypt_sha256" | "bcrypt" => {
                let rounds = rest.strip_prefix('$')?.split('$').nth(1)?.parse().ok().filter(|r| (4..32).contains(r))?;
                let hasher = match algorithm {
                    "bcrypt" => Hasher::Bcrypt { rounds },
                    _ => Hasher::BcryptSha256 { rounds },
                };
                (hasher, Salt::Whole(rest), Vec::new())
            }
            "scrypt" => {
                let mut parts = rest.splitn(5, '$');
                let work = parts.next()?.parse().ok()?;
                let salt = parts.next()?;
                let (block, parallelism) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
                (Hasher::Scrypt { work, block, parallelism }, Salt::Text(salt), STANDARD.decode(parts.next()?).ok()?)
            }
            _ => return None,
        };
        let whole = matches!(salt, Salt::Whole(_));
        (whole || !hash.is_empty()).then_some(Encoded { hasher, salt, hash, variety, version })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn django_s_hashes_are_verified() {
        let fixed = "pbkdf2_sha256$1000$fixedsaltforalicexxxxxxx$9hL6imRhe9aXJKLyOJjnvtqCKW93/B6HvY+XT/Gb/Es=";
        assert!(Hasher::verify("alice-pass", fixed));
        assert!(!Hasher::verify("alice-pas", fixed));
        assert!(!Hasher::Pbkdf2Sha256 { iterations: 1000 }.must_update(fixed));
        assert!(Hasher::default().must_update(fixed));
        assert!(Hasher::Pbkdf2Sha1 { iterations: 1000 }.must_update(fixed));
    }

    #[test]
    fn every_way_verifies_what_it_made() {
        for hasher in [
            Hasher::Pbkdf2Sha256 { iterations: 3 },
            Hasher::Pbkdf2Sha1 { iterations: 3 },
            Hasher::Argon2 { time: 1, memory: 64, parallelism: 2 },
            Hasher::BcryptSha256 { rounds: 4 },
            Hasher::Bcrypt { rounds: 4 },
            Hasher::Scrypt { work: 16, block: 8, parallelism: 1 },
        ] {
            let encoded = hasher.encode("pa$s wörd").unwrap();
            assert!(encoded.starts_with(&format!("{}$", hasher.algorithm())), "{encoded}");
            assert!(Hasher::verify("pa$s wörd", &encoded), "{encoded}");
            assert!(!Hasher::verify("pa$s word", &encoded), "{encoded}");
            assert_eq!(Hasher::identify(&encoded), Some(hasher));
            assert!(!hasher.must_update(&encoded), "{encoded}");
            assert_ne!(encoded, hasher.encode("pa$s wörd").unwrap());
        }
    }

    #[test]
    fn gibberish_is_no_hash() {
        for text in [
            "",
            "!",
            "!abc",
            "$",
            "pbkdf2_sha256",
            "pbkdf2_sha256$",
            "pbkdf2_sha256$0$salt$aGFzaA==",
            "pbkdf2_sha256$1$salt$",
            "pbkdf2_sha256$x$salt$aGFzaA==",
            "argon2$argon2id$v=19$m=1,t=1,p=1$c2FsdA$",
            "argon2$argon2x$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$c2FsdHNhbHQ",
            "bcrypt$$2b$99$abc",
            "bcrypt_sha256$$2b$04$",
            "scrypt$15$salt$8$1$aGFzaA==",
            "scrypt$0$salt$8$1$aGFzaA==",
            "md5$salt$hash",
        ] {
            assert!(!Hasher::verify("", text), "{text}");
        }
    }
}
