//! Which of its handles a process passes on to those that it starts.
//!
//! On Windows a process that is started with a redirected stream inherits every handle that can be inherited, also those
//! that were not passed to it (rust-lang/rust#54760). A process that stays in the background then keeps the pipes of its
//! parent open, and what reads from them, such as `$(todo up)`, waits for as long as it runs.

/// Keeps the standard streams of this process from the processes that it starts, unless they are passed explicitly:
/// [`std::process::Stdio`] duplicates what it passes. Does nothing on Unix, where descriptors are replaced one by one.
#[cfg(not(windows))]
pub fn keep_standard_streams() {}

/// Keeps the standard streams of this process from the processes that it starts, unless they are passed explicitly:
/// [`std::process::Stdio`] duplicates what it passes.
#[cfg(windows)]
pub fn keep_standard_streams() {
    use std::os::windows::io::AsRawHandle;
    for handle in [
        std::io::stdin().as_raw_handle(),
        std::io::stdout().as_raw_handle(),
        std::io::stderr().as_raw_handle(),
    ] {
        keep(handle);
    }
}

/// Takes the flag from a handle. There may be none: of a program without a console it is null, and stays as it is.
#[cfg(windows)]
#[expect(unsafe_code, reason = "the standard library cannot change a handle that it did not make")]
fn keep(handle: std::os::windows::io::RawHandle) {
    const HANDLE_FLAG_INHERIT: u32 = 1;
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn SetHandleInformation(handle: std::os::windows::io::RawHandle, mask: u32, flags: u32) -> i32;
    }
    if !handle.is_null() {
        // SAFETY: the function takes any value for a handle, and refuses those that are none. No memory is passed. The
        // handle stays open and usable; what it fails for, a console of old, is not inherited as a pipe is.
        let _ = unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0) };
    }
}
