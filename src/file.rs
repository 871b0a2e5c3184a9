//! Reading files: regular ones only, and of each no more than its use allows.
//!
//! `std::fs::read` waits for ever on a FIFO without a writer, and never ends on `/dev/zero`. So the kind of a file is
//! looked at on the handle that is read (a path can lead elsewhere from one call to the next), opening does not wait
//! (`O_NONBLOCK`: `open(2)`, "FIFOs"; no effect on regular files), and reading ends at a limit. Symbolic links are followed.
//! `tests/tidy.rs` checks that no other module opens files for reading.

use std::fs::File;
use std::fs::FileType;
use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::path::Path;

/// The limit for what people write by hand: deploy.toml, .env files, Dockerfiles, settings of other programs. 16 MiB.
pub const TEXT: u64 = 16 << 20;

/// The limit for Kubernetes objects: a manifest, a dump, what Helm renders. 64 MiB.
pub const OBJECTS: u64 = 64 << 20;

/// The limit for a file that is one value of a Secret, all of which may have 1 MiB together
/// (`kubernetes: pkg/apis/core/types.go`: `MaxSecretSize`).
pub const VALUE: u64 = 1 << 20;

/// The limit for what programs write: todo's caches, and git's index. 256 MiB.
pub const INDEX: u64 = 256 << 20;

/// Opens the regular file at `path` for reading.
///
/// # Errors
/// As [`File::open`]; and where there is a directory, a FIFO, a socket or a device, with [`ErrorKind::InvalidInput`] (for a
/// directory [`ErrorKind::IsADirectory`]) and a message.
pub fn open(path: &Path) -> io::Result<File> {
    // Opening a device can already do something (`open(2)`: a tape rewinds, a terminal becomes the controlling one).
    refuse_special(path.metadata()?.file_type())?;
    let file = options().open(path)?;
    refuse_special(file.metadata()?.file_type())?;
    Ok(file)
}

/// Opens the directory at `path`, to access its entries by its handle; fails at once on anything else.
///
/// # Errors
/// As [`File::open`], and where `path` is not a directory.
#[cfg(unix)]
pub fn open_folder(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = (OFlags::DIRECTORY | OFlags::NONBLOCK).bits().cast_signed();
    File::options().read(true).custom_flags(flags).open(path)
}

/// The bytes of the regular file at `path`, if they are no more than `limit`.
///
/// # Errors
/// As [`open`]; and with [`ErrorKind::FileTooLarge`] if there are more.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let size = file.metadata()?.len();
    if size > limit {
        return Err(too_large(limit));
    }
    // The size of files in /proc is 0, and any file can grow.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    fill(file, limit, &mut bytes)?;
    Ok(bytes)
}

/// Whether a library may read the file at `path`: a regular one of no more than `limit` bytes.
///
/// # Errors
/// As [`read`].
pub fn check(path: &Path, limit: u64) -> io::Result<()> {
    if open(path)?.metadata()?.len() > limit { Err(too_large(limit)) } else { Ok(()) }
}

/// The text of the regular file at `path`, if it is UTF-8 or UTF-16 of no more than `limit` bytes.
///
/// # Errors
/// As [`read`]; and with [`ErrorKind::InvalidData`] if it is neither.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    text(read(path, limit)?)
}

/// The bytes of a text file, in UTF-8 if it is UTF-16; other bytes are kept, for a parser that reports the line.
///
/// # Errors
/// As [`read`].
pub fn read_utf8(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read(path, limit).map(utf8)
}

/// What comes from `stream`, which may be standard input, if it is UTF-8 or UTF-16 of no more than `limit` bytes.
///
/// # Errors
/// As [`read_text`].
pub fn read_stream(stream: impl Read, limit: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    fill(stream, limit, &mut bytes)?;
    text(bytes)
}

/// Whether a write failed because the reader has closed the pipe.
#[must_use]
pub fn has_no_reader(error: &io::Error) -> bool {
    // Windows' errors of a named pipe, as the shells of Cygwin and MSYS2 use them.
    const ERROR_PIPE_NOT_CONNECTED: i32 = 233;
    error.kind() == ErrorKind::BrokenPipe
        || cfg!(windows) && error.raw_os_error() == Some(ERROR_PIPE_NOT_CONNECTED)
}

/// What to do about an error of [`open`] or [`read`], as a command or an advice.
#[must_use]
pub fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::IsADirectory => "put a regular file there, or name another one",
        ErrorKind::FileTooLarge => "is it the right file? If so, split it",
        ErrorKind::InvalidData => "save it as UTF-8",
        _ => "check its permissions",
    }
}

fn fill(stream: impl Read, limit: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    stream.take(limit.saturating_add(1)).read_to_end(bytes)?;
    if bytes.len() as u64 > limit { Err(too_large(limit)) } else { Ok(()) }
}

/// Windows PowerShell's `>` and `Out-File` write UTF-16 with a byte order mark (`about_Character_Encoding`). Without one
/// it is not known for UTF-16.
fn utf8(bytes: Vec<u8>) -> Vec<u8> {
    type Read = fn([u8; 2]) -> u16;
    let (unit, rest): (Read, &[u8]) = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => (u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => (u16::from_be_bytes, rest),
        _ => return bytes,
    };
    let (pairs, odd) = rest.as_chunks();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    match String::from_utf16(&units) {
        Ok(text) if odd.is_empty() => text.into_bytes(),
        _ => bytes,
    }
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(utf8(bytes)).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

fn too_large(limit: u64) -> io::Error {
    let limit = if limit >= 1 << 20 { format!("{} MiB", limit >> 20) } else { format!("{limit} bytes") };
    io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {limit}"))
}

#[cfg(unix)]
fn options() -> std::fs::OpenOptions {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.read(true).custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    options
}

#[cfg(not(unix))]
fn options() -> std::fs::OpenOptions {
    let mut options = File::options();
    options.read(true);
    options
}

fn refuse_special(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    if kind.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a directory, not a file"));
    }
    let message = format!("it is {}, and only regular files are read", name(kind));
    Err(io::Error::new(ErrorKind::InvalidInput, message))
}

#[cfg(unix)]
fn name(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        "a FIFO (named pipe)"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "a special file"
    }
}

#[cfg(not(unix))]
fn name(_kind: FileType) -> &'static str {
    "a special file"
}

#[cfg(test)]
mod tests {
    use super::read;
    use super::read_stream;
    use super::read_text;
    use super::read_utf8;
    use std::io::ErrorKind;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        let error = read(&path, 4).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::FileTooLarge, "it is larger than 4 bytes")
        );
        assert_eq!(read_stream(&b"12345"[..], 5).unwrap(), "12345");
        assert_eq!(
            read_stream(std::io::repeat(b'x'), 1 << 20).unwrap_err().to_string(),
            "it is larger than 1 MiB"
        );
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path, 5).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(read(&folder.path().join("b"), 5).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn utf16_is_read_as_the_text_that_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let units: Vec<u16> = "a: \u{e4}\u{1f600}\r\n".encode_utf16().collect();
        let little: Vec<u8> = [0xfeff].iter().chain(&units).flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = [0xfeff].iter().chain(&units).flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [&little, &big] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read_text(&path, 99).unwrap(), "a: \u{e4}\u{1f600}\r\n");
            assert_eq!(read_stream(bytes.as_slice(), 99).unwrap(), "a: \u{e4}\u{1f600}\r\n");
            assert_eq!(read_utf8(&path, 99).unwrap(), "a: \u{e4}\u{1f600}\r\n".as_bytes());
            assert_eq!(read(&path, 99).unwrap(), *bytes, "the value of a Secret stays as it is");
        }
        // Half a character, half a unit, and what has no mark.
        for bytes in [&little[..12], &little[..5], &little[2..]] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read_utf8(&path, 99).unwrap(), bytes);
        }
    }

    #[test]
    fn a_folder_is_not_a_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path(), 5).unwrap_err().kind(), ErrorKind::IsADirectory);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn special_files_are_refused_without_waiting_for_them() {
        use rustix::fs::FileType;
        use rustix::fs::Mode;
        let folder = tempfile::tempdir().unwrap();
        let (fifo, link) = (folder.path().join("fifo"), folder.path().join("link"));
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::os::unix::fs::symlink(&fifo, &link).unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, word) in
            [(fifo.as_path(), "FIFO"), (&link, "FIFO"), (&socket, "socket"), ("/dev/zero".as_ref(), "device")]
        {
            let error = read(path, 5).unwrap_err();
            assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_of_the_kernel_is_read_though_it_says_that_it_is_empty() {
        assert!(!read("/proc/self/status".as_ref(), 1 << 20).unwrap().is_empty());
    }
}
