//! JSON pointers (RFC 6901): the paths by which places in files are kept.

/// The JSON pointer of `key` below the pointer `parent`.
#[must_use]
pub fn below(parent: &str, key: &str) -> String {
    format!("{parent}/{}", token(key))
}

/// The JSON pointer of an object's annotation.
#[must_use]
pub fn annotation(name: &str) -> String {
    below("/metadata/annotations", name)
}

/// A key as a pointer has it (RFC 6901, section 3).
#[must_use]
pub fn token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The key that a pointer's token stands for (RFC 6901, section 4).
#[must_use]
pub fn key(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::below;
    use super::key;
    use super::token;

    #[test]
    fn every_key_comes_back_from_its_token() {
        for (plain, written) in [("a", "a"), ("a/b", "a~1b"), ("~", "~0"), ("~1", "~01"), ("", "")] {
            assert_eq!(token(plain), written);
            assert_eq!(key(written), plain);
        }
        assert_eq!(below("/data", "tls/crt"), "/data/tls~1crt");
    }
}
