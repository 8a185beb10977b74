//! What an operator asks, one file a thing: rooms, the stage's state, logs, test pushes. Each reads (or makes) exactly that through
//! the SDK handles and answers in records; none knows how the stack is put together or how answers look.

pub mod logs;
pub mod push;
pub mod rooms;
pub mod seen;
pub mod status;
