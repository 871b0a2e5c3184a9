//! Asking from the node: a script for its bash and curl, and what its answer means. Pure.
//!
//! Not a pod: that would need an image with programs in it, and a place in somebody's namespace. The whole script goes in
//! by standard input, because a host that a Secret names must be in nobody's arguments; and it sends back words of ours,
//! because those of bash and curl repeat the host.

use crate::service::http::Answer;
use crate::service::http::NoAnswer;
use std::fmt::Write;
use std::time::Duration;
use tokio::time::Instant;

/// How much of a body comes back, in bytes.
const BODY: usize = 1 << 16;

/// A GET of `url`; redirects are followed unless one is `wanted`.
pub(super) fn get(url: &str, follow: bool, limit: Duration) -> String {
    let url = url.replace('\\', "\\\\").replace('"', "\\\"");
    let follow = if follow { "--location --max-redirs 5" } else { "" };
    let seconds = limit.as_secs().max(1);
    // `--insecure` as everywhere: a development cluster signs its own certificates, and nothing secret is sent.
    format!(
        "body=$(mktemp)\n\
         status=$(curl --silent --insecure --noproxy '*' {follow} --max-time {seconds} \
         --output \"$body\" --write-out '%{{http_code}}' --config - 2>/dev/null <<'END'\n\
         url = \"{url}\"\nEND\n)\n\
         echo \"curl $? $status\"\nhead -c {BODY} \"$body\"\nrm -f \"$body\"\n"
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

/// What the answer of either script says. `began` is when it was asked.
pub(super) fn answer(printed: &str, limit: Duration, began: Instant) -> Result<Answer, NoAnswer> {
    let lost = || NoAnswer::Unreachable("the node did not say how it went".to_owned());
    let start = printed
        .find("curl ")
        .filter(|at| *at == 0 || printed[..*at].ends_with('\n'))
        .or_else(|| printed.find("tcp "))
        .ok_or_else(lost)?;
    let (line, body) = printed[start..].split_once('\n').ok_or_else(lost)?;
    let mut words = line.split(' ');
    let (by, code) = (words.next(), words.next().and_then(|code| code.parse::<u32>().ok()).ok_or_else(lost)?);
    match (by, code) {
        (_, 0) => Ok(Answer {
            status: words.next().and_then(|status| status.parse().ok()).unwrap_or(0),
            body: body.strip_suffix('\n').unwrap_or(body).to_owned(),
            location: None,
            took: began.elapsed(),
        }),
        // https://curl.se/libcurl/c/libcurl-errors.html; ours for TCP are made of the same numbers.
        (_, 6) => Err(NoAnswer::Unreachable("its name is not known to the node".to_owned())),
        (_, 7) => Err(NoAnswer::Refused),
        (Some("tcp"), 5) => Err(NoAnswer::Unreachable("the node has no route to it".to_owned())),
        (Some("tcp"), 124) => {
            Err(NoAnswer::Unreachable(format!("no connection within {} s", limit.as_secs())))
        }
        (Some("curl"), 28) => Err(NoAnswer::Silent(limit)),
        (Some("curl"), 52 | 56) => Err(NoAnswer::Closed),
        (Some("curl"), 127) => Err(NoAnswer::Unreachable("the node has no `curl` to ask with".to_owned())),
        (Some("curl"), 35 | 1 | 8 | 43) => Err(NoAnswer::Garbled(format!("curl error {code}"))),
        (by, code) => Err(NoAnswer::Unreachable(format!("{} error {code}", by.unwrap_or_default()))),
    }
}

#[cfg(test)]
mod tests {
    use super::answer;
    use super::connect;
    use super::get;
    use crate::service::http::NoAnswer;
    use std::time::Duration;
    use tokio::time::Instant;

    const LIMIT: Duration = Duration::from_secs(5);

    #[test]
    fn what_the_node_says_is_told_apart() {
        let said = |printed: &str| answer(printed, LIMIT, Instant::now());
        let right = said("curl 0 200\n{\"models\":[]}\n").unwrap();
        assert_eq!((right.status, right.body.as_str()), (200, "{\"models\":[]}"));
        assert!(said("tcp 0\n").is_ok());
        assert_eq!(said("motd\ncurl 7 000\n"), Err(NoAnswer::Refused));
        assert_eq!(said("tcp 7\n"), Err(NoAnswer::Refused));
        assert_eq!(said("curl 28 000\n"), Err(NoAnswer::Silent(LIMIT)));
        assert_eq!(said("curl 52 000\n"), Err(NoAnswer::Closed));
        for (printed, words) in [
            ("curl 6 000\n", "its name is not known to the node"),
            ("tcp 6\n", "its name is not known to the node"),
            ("tcp 124\n", "no connection within 5 s"),
            ("tcp 5\n", "the node has no route to it"),
            ("curl 127 \n", "the node has no `curl` to ask with"),
            ("", "the node did not say how it went"),
            ("bash: line 1\n", "the node did not say how it went"),
        ] {
            assert_eq!(said(printed), Err(NoAnswer::Unreachable(words.to_owned())), "{printed:?}");
        }
    }

    #[test]
    fn nothing_of_a_url_reaches_the_shell() {
        let script = get("http://a/?q=\"$(reboot)\\", false, LIMIT);
        let (_, config) = script.split_once("<<'END'\n").unwrap();
        assert!(config.starts_with("url = \"http://a/?q=\\\"$(reboot)\\\\\"\nEND\n"), "{config}");
        assert!(!get("http://a/", false, LIMIT).contains("--location"));
        assert!(get("http://a/", true, LIMIT).contains("--location"));
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
            answer(&String::from_utf8(printed).unwrap(), LIMIT, Instant::now())
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
