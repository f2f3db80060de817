//! The durable store: what a disk, a crash, another process and time can do to it.
//!
//! A child process is this program again, with the one test `child` and its task in the environment.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

mod damage;
mod full;
mod kill;
mod place;
mod support;

#[test]
fn child() {
    match std::env::var(support::TASK).as_deref() {
        Err(_) => {}
        Ok("kill") => kill::child(),
        Ok("full") => full::child(),
        Ok("no-room") => full::no_room_child(),
        Ok("hold") => place::hold(),
        Ok("read-only") => place::read_only_child(),
        Ok(task) => panic!("no child knows {task}"),
    }
}

#[test]
fn what_a_killed_run_has_left_is_no_obstacle() {
    let left = support::Dir::numbered(u64::MAX);
    std::fs::write(left.file(), "left").unwrap();
    // It has not cleaned up.
    std::mem::forget(left);
    assert_eq!(support::Dir::numbered(u64::MAX).names(), [""; 0]);
}
