//! A Rust client and a Rust server of Socket.IO, for the tests.
mod client;
mod server;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments[1] == "server" {
        server::serve();
    } else {
        client::converse(&arguments[2], &arguments[3]);
    }
}
