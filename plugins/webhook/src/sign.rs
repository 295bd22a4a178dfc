//! Signatures after Standard Webhooks 1.0: `v1,` and base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use spotloom_plugin_sdk::prelude::*;

/// The keys in a secret's value, for `name` in messages. Never says the value.
///
/// # Errors
/// `bad-secret` unless there is one key or more, each `whsec_` and base64 of 24 to 64 bytes.
pub(crate) fn secrets(name: &str, value: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let bad = |what: &str| {
        Failure::new("bad-secret", format!("the secret `{name}` {what}"))
            .hint("use `whsec_` and 24 to 64 random bytes in base64: echo whsec_$(openssl rand -base64 32)")
    };
    let keys = value
        .split_whitespace()
        .map(|key| {
            let encoded = key.strip_prefix("whsec_").ok_or_else(|| bad("does not start with `whsec_`"))?;
            let key = STANDARD.decode(encoded).map_err(|_| bad("is not base64 after `whsec_`"))?;
            if (24..=64).contains(&key.len()) { Ok(key) } else { Err(bad(&format!("is {} bytes long", key.len()))) }
        })
        .collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() { Err(bad("is empty")) } else { Ok(keys) }
}

/// The value of `webhook-signature`: one signature for each key, separated by spaces.
pub(crate) fn sign(keys: &[Vec<u8>], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signatures: Vec<String> = keys
        .iter()
        .filter_map(|key| Hmac::<Sha256>::new_from_slice(key).ok()) // HMAC takes a key of any length
        .map(|mut mac| {
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        })
        .collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the specification's reference libraries are tested with.
    #[test]
    fn the_reference_vector() {
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let body = br#"{"test": 2432232314}"#;
        let check = |secret: &str, expected: &str| {
            assert_eq!(sign(&secrets("s", secret).unwrap(), id, 1_614_265_330, body), expected);
        };
        let reference = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        check("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", reference);
        // Rotation: the old secret and the new one both sign.
        let two =
            secrets("s", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
        let both = sign(&two, id, 1_614_265_330, body);
        assert!(both.starts_with(&format!("{reference} v1,")), "{both}");
    }

    #[test]
    fn secrets_that_are_refused() {
        let check = |value: &str, says: &str| {
            let failure = secrets("dam", value).unwrap_err();
            assert_eq!(failure.code, "bad-secret");
            assert_eq!(failure.message, format!("the secret `dam` {says}"));
        };
        check("", "is empty");
        check("hunter2", "does not start with `whsec_`");
        check("whsec_not base64", "is not base64 after `whsec_`");
        check("whsec_c2hvcnQ=", "is 5 bytes long");
        check(&format!("whsec_{}", STANDARD.encode([7; 65])), "is 65 bytes long");
    }
}
