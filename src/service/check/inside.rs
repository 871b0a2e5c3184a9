//! Checks from the node: a script for its bash and curl, and the parsing of its output. Pure.
//!
//! Not a pod: that would need an image with programs in it, and a namespace to run in. The whole script is passed by
//! standard input, because a host from a Secret must not be visible in a process's arguments; and it prints messages
//! of its own, because those of bash and curl contain the host.

use crate::service::http::BODY;
use crate::service::http::HttpAnswer;
use crate::service::http::NoAnswer;
use std::fmt::Write;
use std::time::Duration;
use tokio::time::Instant;

/// A GET of `url` alone: curl's expansion of `{a,b}` and `[1-9]` is off, it follows no redirect (that is decided as
/// for checks from this machine, by [`Question::follows`]), speaks only HTTP, and reads no `.curlrc`. Of the response
/// at most [`BODY`] is returned; then curl finds its pipe closed.
///
/// [`Question::follows`]: crate::service::http::Question::follows
pub(super) fn get(url: &str, limit: Duration) -> String {
    let url = url.replace('\\', "\\\\").replace('"', "\\\"");
    let seconds = limit.as_secs().max(1);
    // `-q` counts only as the first argument. `--insecure` as everywhere: a development cluster signs its own
    // certificates, and nothing secret is sent. curl inherits the ignored SIGPIPE, and so still prints the status.
    format!(
        "trap '' PIPE\nbody=$(mktemp)\nstatus=$(mktemp)\n\
         curl -q --silent --globoff --proto '=http,https' --max-redirs 0 --insecure --noproxy '*' \
         --max-time {seconds} --output - --write-out '%{{stderr}}%{{http_code}} %{{redirect_url}}' --config - \
         2>\"$status\" <<'END' | head -c {BODY} >\"$body\"\n\
         url = \"{url}\"\nEND\n\
         code=${{PIPESTATUS[0]}}\n\
         read -r number redirect <\"$status\"\n\
         echo \"curl $code $number $(wc -c <\"$body\") $redirect\"\n\
         cat \"$body\"\nrm -f \"$body\" \"$status\"\n"
    )
}

/// A connection to `host`, which must be one by [`super::address::is_host`].
pub(super) fn connect(host: &str, port: u16, limit: Duration) -> String {
    let seconds = limit.as_secs().max(1);
    let mut script = String::new();
    let _ = write!(
        script,
        "why=$(LC_ALL=C timeout {seconds} bash 2>&1 <<'END'\nexec 3<>/dev/tcp/{host}/{port}\nEND\n)\n\
         code=$?\n\
         case \"$why\" in *refused*) code=7 ;; *resol*|*'not known'*) code=6 ;; *oute*|*unreachable*) code=5 ;; esac\n\
         echo \"tcp $code\"\n"
    );
    script
}

/// Parses the output of either script. `began` is when it was started.
pub(super) fn parse(printed: &str, limit: Duration, began: Instant) -> Result<HttpAnswer, NoAnswer> {
    let lost = || NoAnswer::Unreachable("the node reported no result".to_owned());
    let start = printed
        .find("curl ")
        .filter(|at| *at == 0 || printed[..*at].ends_with('\n'))
        .or_else(|| printed.find("tcp "))
        .ok_or_else(lost)?;
    let (line, body) = printed[start..].split_once('\n').ok_or_else(lost)?;
    let mut words = line.split(' ');
    let (by, code) = (words.next(), words.next().and_then(|code| code.parse::<u32>().ok()).ok_or_else(lost)?);
    let status = words.next().and_then(|status| status.parse().ok()).filter(|status| *status >= 100);
    let whole = words.next().and_then(|size| size.parse::<usize>().ok()).unwrap_or_default();
    let location = words.next().filter(|location| !location.is_empty()).map(str::to_owned);
    let answer = |status| HttpAnswer {
        status,
        body: body.strip_suffix('\n').unwrap_or(body).to_owned(),
        location,
        took: began.elapsed(),
    };
    match (by, code) {
        // A connection has no status.
        (Some("tcp"), 0) => Ok(answer(0)),
        (_, 0) => status.map(answer).ok_or_else(|| NoAnswer::Garbled("there is no HTTP status".to_owned())),
        // The rest of the body was not read.
        (Some("curl"), 23) if whole >= BODY && status.is_some() => status.map(answer).ok_or_else(lost),
        // https://curl.se/libcurl/c/libcurl-errors.html; our own codes for TCP use the same numbers.
        (_, 6) => Err(NoAnswer::Unreachable("its name is not known to the node".to_owned())),
        (_, 7) => Err(NoAnswer::Refused),
        (Some("tcp"), 5) => Err(NoAnswer::Unreachable("the node has no route to it".to_owned())),
        (Some("tcp"), 124) => {
            Err(NoAnswer::Unreachable(format!("no connection within {} s", limit.as_secs())))
        }
        (Some("curl"), 28) => Err(NoAnswer::Silent(limit)),
        (Some("curl"), 52 | 56) => Err(NoAnswer::Closed),
        (Some("curl"), 127) => Err(NoAnswer::Unreachable("the node has no `curl`".to_owned())),
        (Some("curl"), 35 | 1 | 3 | 8 | 43) => Err(NoAnswer::Garbled(format!("curl error {code}"))),
        (by, code) => Err(NoAnswer::Unreachable(format!("{} error {code}", by.unwrap_or_default()))),
    }
}

#[cfg(test)]
mod tests {
    use super::connect;
    use super::get;
    use super::parse;
    use crate::service::http::NoAnswer;
    use std::time::Duration;
    use tokio::time::Instant;

    const LIMIT: Duration = Duration::from_secs(5);

    #[test]
    fn what_the_node_says_is_told_apart() {
        let answer = |printed: &str| parse(printed, LIMIT, Instant::now());
        let right = answer("curl 0 200 14 \n{\"models\":[]}\n").unwrap();
        assert_eq!((right.status, right.body.as_str()), (200, "{\"models\":[]}"));
        assert_eq!(right.location, None);
        let moved = answer("curl 0 302 0 http://a/b\n\n").unwrap();
        assert_eq!((moved.status, moved.location.as_deref()), (302, Some("http://a/b")));
        assert!(answer("tcp 0\n").is_ok());
        // Neither nothing, nor zero, nor several numbers in a row is a status.
        for printed in ["curl 0  0 \n\n", "curl 0 000 0 \nx\n", "curl 0 200200 4 \nokok\n"] {
            assert!(matches!(answer(printed), Err(NoAnswer::Garbled(_))), "{printed:?}");
        }
        assert_eq!(answer(&format!("curl 23 200 {} \nx\n", 1 << 20)).map(|answer| answer.status), Ok(200));
        assert!(answer("curl 23 200 5 \nx\n").is_err(), "the disk of the node is full");
        assert_eq!(answer("motd\ncurl 7 000\n"), Err(NoAnswer::Refused));
        assert_eq!(answer("tcp 7\n"), Err(NoAnswer::Refused));
        assert_eq!(answer("curl 28 000\n"), Err(NoAnswer::Silent(LIMIT)));
        assert_eq!(answer("curl 52 000\n"), Err(NoAnswer::Closed));
        for (printed, words) in [
            ("curl 6 000\n", "its name is not known to the node"),
            ("tcp 6\n", "its name is not known to the node"),
            ("tcp 124\n", "no connection within 5 s"),
            ("tcp 5\n", "the node has no route to it"),
            ("curl 127 \n", "the node has no `curl`"),
            ("", "the node reported no result"),
            ("bash: line 1\n", "the node reported no result"),
        ] {
            assert_eq!(answer(printed), Err(NoAnswer::Unreachable(words.to_owned())), "{printed:?}");
        }
    }

    #[test]
    fn nothing_of_a_url_reaches_the_shell() {
        let script = get("http://a/?q=\"$(reboot)\\", LIMIT);
        let (_, config) = script.split_once(">\"$body\"\n").unwrap();
        assert!(config.starts_with("url = \"http://a/?q=\\\"$(reboot)\\\\\"\nEND\n"), "{config}");
    }

    /// The scripts in the bash of this machine, against this machine.
    #[test]
    #[cfg(target_os = "linux")]
    #[expect(clippy::disallowed_methods, reason = "the shell is what is tested")]
    fn the_scripts_do_what_they_say() {
        use std::io::Write;
        let run = |script: &str| {
            let mut bash = std::process::Command::new("bash")
                .arg("-s")
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
            let printed = bash.wait_with_output().unwrap().stdout;
            parse(&String::from_utf8(printed).unwrap(), LIMIT, Instant::now())
        };
        let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = open.local_addr().unwrap().port();
        assert!(run(&connect("127.0.0.1", port, LIMIT)).is_ok());
        drop(open);
        assert_eq!(run(&connect("127.0.0.1", port, LIMIT)), Err(NoAnswer::Refused));
        let nowhere = run(&connect("no-such-host.invalid", 80, LIMIT));
        assert_eq!(nowhere, Err(NoAnswer::Unreachable("its name is not known to the node".to_owned())));
    }
}
